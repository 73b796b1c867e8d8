# SPDX-License-Identifier: BSD-2-Clause
"""A thousand times the same, and nothing is left."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path

import pytest
from binding.stand import PASS, Wire, open_fds

from xdplb.bpf import (
    U32,
    U64,
    BpfObject,
    CodecError,
    KernelError,
    Map,
    MapType,
    ObjectError,
    Program,
    RingBufferMap,
    VerifierError,
)

ROUNDS = 1000
MOST_GROWTH = 1 << 20


def resident_bytes() -> int:
    with open("/proc/self/smaps_rollup") as smaps:
        line = next(line for line in smaps if line.startswith("Rss:"))
    return int(line.split()[1]) * 1024


def _growth(action: Callable[[], None], rounds: int) -> tuple[int, int]:
    for _ in range(rounds // 3):  # until the allocator has found its size
        action()
    gc.collect()
    fds, memory = open_fds(), resident_bytes()
    for _ in range(rounds):
        action()
    gc.collect()
    return open_fds() - fds, resident_bytes() - memory


def test_objects_leave_nothing(compiled: Callable[[str], Path]) -> None:
    path = compiled("sample")

    def once() -> None:
        with BpfObject.open(path) as opened, opened.load() as loaded:
            loaded.map("flows").update((1, 2, bytes(6), b""), (3, 4))
            assert loaded.globals["step"] == 1

    fds, memory = _growth(once, ROUNDS)
    assert fds == 0
    assert memory < MOST_GROWTH


def test_refusals_leave_nothing(compiled: Callable[[str], Path]) -> None:
    refused = compiled("refused")

    def once() -> None:
        with BpfObject.open(refused) as opened, pytest.raises(VerifierError):
            opened.load()
        with pytest.raises(ObjectError):
            BpfObject.open(b"no object")
        with pytest.raises(KernelError):
            Map.create(MapType.ARRAY, U64, U32, 1)
        with pytest.raises(KernelError):
            Program.from_instructions(bytes.fromhex("9500000000000000"))

    fds, memory = _growth(once, 200)
    assert fds == 0
    assert memory < MOST_GROWTH


def test_maps_rings_and_reads_leave_nothing() -> None:
    with Map.create(MapType.HASH, U32, U64, 1000) as table:
        table.update_many((key, key) for key in range(1000))

        def once() -> None:
            with RingBufferMap.create(MapType.RINGBUF, 0, 0, 4096) as ring, ring.reader(16) as r:
                assert r.read() == []
            assert table.count() == 1000
            with pytest.raises(CodecError):
                table[-1] = 0

        fds, memory = _growth(once, 300)
    assert fds == 0
    assert memory < MOST_GROWTH


def test_attaching_leaves_nothing(wire: Wire) -> None:
    with Program.from_instructions(PASS) as program, Program.from_instructions(PASS) as other:

        def once() -> None:
            with program.attach_xdp("v0", netns=wire.near) as link:
                with pytest.raises(KernelError):
                    other.attach_xdp("v0", netns=wire.near)
                link.update(other)

        fds, memory = _growth(once, 5)
    assert fds == 0
    assert memory < MOST_GROWTH
