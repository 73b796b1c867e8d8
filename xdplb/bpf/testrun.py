# SPDX-License-Identifier: BSD-2-Clause
"""Running a program on a packet of ours (``BPF_PROG_TEST_RUN``)."""

from __future__ import annotations

import struct
from enum import IntEnum
from errno import EINVAL, ENOSPC

from xdplb._libbpf import ffi, lib
from xdplb.bpf.calls import check, kernel_error
from xdplb.bpf.typehints import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Any

_XDP_MD = struct.Struct("=6I")  # data, data_end, data_meta, ingress, rx queue, egress
_ROOM = 4096
_ETHERNET_HEADER = 14


class XdpAction(IntEnum):
    """What an XDP program returns."""

    ABORTED = lib.XDP_ABORTED
    DROP = lib.XDP_DROP
    PASS = lib.XDP_PASS
    TX = lib.XDP_TX
    REDIRECT = lib.XDP_REDIRECT


class TestRun(NamedTuple):
    """What came of a test run; ``context`` is empty if none was given."""

    retval: int
    packet: bytes
    duration_ns: int
    context: bytes

    @property
    def action(self) -> XdpAction:
        """The return value as an XDP action.

        :raises ValueError: if it is none
        """
        return XdpAction(self.retval)


TestRun.__test__ = False  # type: ignore[attr-defined]  # or pytest takes it for a test


def run_on_packet(
    program: int,
    subject: str,
    packet: bytes,
    *,
    repeat: int,
    context: bytes | None,
    ingress_ifindex: int | None,
    out_size: int | None,
) -> TestRun:
    """Do what :meth:`Program.test_run` says, with the program's descriptor."""
    if context is None and ingress_ifindex is not None:
        context = _XDP_MD.pack(0, len(packet), 0, ingress_ifindex, 0, 0)
    room = len(packet) + _ROOM if out_size is None else out_size
    out = ffi.new("char[]", max(room, 1))
    run, _alive = _prepare(packet, context, repeat)
    run.data_out = out
    run.data_size_out = room
    context_out = ffi.new("char[]", max(run.context_size_in, 1))
    run.context_out = ffi.NULL if context is None else context_out
    run.context_size_out = run.context_size_in
    code = lib.shim_program_test_run(program, run)
    if code < 0:
        raise kernel_error(code, "run", subject, _explain(code, packet, run))
    return TestRun(
        run.retval,
        bytes(ffi.buffer(out, run.data_size_out)),
        run.duration_ns,
        bytes(ffi.buffer(context_out, run.context_size_out)) if context is not None else b"",
    )


def run_live_frames(
    program: int, subject: str, packet: bytes, *, repeat: int, batch: int, ingress_ifindex: int
) -> None:
    """Do what :meth:`Program.run_live_frames` says, with the program's descriptor."""
    context = _XDP_MD.pack(0, len(packet), 0, ingress_ifindex, 0, 0)
    run, _alive = _prepare(packet, context, repeat)
    run.flags = lib.BPF_F_TEST_XDP_LIVE_FRAMES
    run.batch_size = batch
    check(lib.shim_program_test_run(program, run), "run on live frames", subject)


def _prepare(packet: bytes, context: bytes | None, repeat: int) -> tuple[Any, object]:
    """Return the C structure, and what has to stay alive as long as it does."""
    run = ffi.new("struct shim_test_run *")
    data = ffi.from_buffer(packet)
    run.data_in = data
    run.data_size_in = len(packet)
    run.repeat = repeat
    if context is None:
        return run, (data,)
    given = ffi.from_buffer(context)
    run.context_in = given
    run.context_size_in = len(context)
    return run, (data, given)


def _explain(code: int, packet: bytes, run: Any) -> str:
    if code == -ENOSPC:
        return f"the packet has {run.data_size_out} bytes afterwards; ask for more with out_size"
    if code == -EINVAL and len(packet) < _ETHERNET_HEADER:
        return f"a packet of {len(packet)} bytes; XDP takes {_ETHERNET_HEADER} or more"
    return ""
