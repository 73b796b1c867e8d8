# SPDX-License-Identifier: BSD-2-Clause
"""Threads, forks and signals around calls into C."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from binding.stand import FRAME

from xdplb.bpf import (
    U32,
    U64,
    ArrayMap,
    BpfObject,
    InterruptedCallError,
    LoadedObject,
    Map,
    MapType,
    Program,
)


@pytest.fixture
def table() -> Iterator[Map[int, int]]:
    with Map.create(MapType.HASH, U32, U64, 4096, name="bt_shared") as made:
        yield made


def test_threads_share_a_map_without_mixing_values_up(table: Map[int, int]) -> None:
    table.update_many((key, key * 1_000_003) for key in range(1000))
    wrong: list[int] = []

    def look(first: int) -> None:
        for _ in range(5):
            for key in range(first, 1000, 4):
                if table[key] != key * 1_000_003:
                    wrong.append(key)

    threads = [threading.Thread(target=look, args=(first,)) for first in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_other_threads_run_during_a_long_call(loaded: LoadedObject) -> None:
    # If the call kept the interpreter's lock, the thread could not send the signal that ends it.
    failed: list[type[BaseException]] = []
    bounce = loaded.program("bounce")
    previous = signal.signal(signal.SIGUSR1, lambda *_: None)
    main = threading.main_thread().ident
    assert main is not None
    stop = threading.Event()

    def interrupt() -> None:
        while not stop.wait(0.01):
            signal.pthread_kill(main, signal.SIGUSR1)

    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        bounce.test_run(FRAME, repeat=1 << 30)
    except InterruptedCallError as error:
        failed.append(type(error))
    finally:
        stop.set()
        thread.join()
        signal.signal(signal.SIGUSR1, previous)
    assert failed == [InterruptedCallError]


def test_forked_child_uses_the_same_map(table: Map[int, int]) -> None:
    child = os.fork()
    if not child:
        table[1] = 42
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert table[1] == 42


def test_child_forked_while_other_threads_speak_is_not_stuck(
    compiled: Callable[[str], Path],
) -> None:
    # A lock around the log, held by another thread at the time of the fork, would stay held.
    stop = threading.Event()

    def chatter() -> None:
        while not stop.is_set():
            with BpfObject.open(compiled("sample")):
                pass

    threads = [threading.Thread(target=chatter) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(20):
            child = os.fork()
            if not child:
                signal.alarm(10)
                with BpfObject.open(compiled("sample")):
                    os._exit(0)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_mapped_memory_is_shared_with_a_child() -> None:
    with (
        ArrayMap.create(MapType.ARRAY, U32, U64, 4, flags=0x400) as numbers,
        numbers.mmap(write=True) as mapped,
    ):
        child = os.fork()
        if not child:
            mapped[2] = 7
            os._exit(0)
        os.waitpid(child, 0)
        assert mapped[2] == 7


def test_descriptors_do_not_reach_a_program_that_is_executed(table: Map[int, int]) -> None:
    code = f"import os, sys; sys.exit(os.path.exists('/proc/self/fd/{table.fileno()}'))"
    done = subprocess.run([sys.executable, "-c", code], close_fds=False, check=False)
    assert done.returncode == 0


def test_loading_goes_through_a_storm_of_signals(compiled: Callable[[str], Path]) -> None:
    rings: list[int] = []
    previous = signal.signal(signal.SIGALRM, lambda *_: rings.append(1))
    signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
    try:
        for _ in range(20):
            with BpfObject.open(compiled("sample")) as opened, opened.load() as loaded:
                assert loaded.program("bounce").id
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    assert rings


@pytest.mark.parametrize("make", ["map", "program", "object", "reader"])
def test_collecting_an_open_handle_warns_and_closes_it(
    make: str, compiled: Callable[[str], Path]
) -> None:
    makers: dict[str, Callable[[], object]] = {
        "map": lambda: Map.create(MapType.HASH, 4, 4, 1),
        "program": lambda: Program.from_instructions(
            bytes.fromhex("b7000000000000009500000000000000")
        ),
        "object": lambda: BpfObject.open(compiled("sample")).load(),
        "reader": _reader,
    }
    before = len(os.listdir("/proc/self/fd"))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        makers[make]()
        gc.collect()
    assert {warning.category for warning in caught} == {ResourceWarning}
    assert "was never closed" in str(caught[0].message)
    assert len(os.listdir("/proc/self/fd")) == before


def _reader() -> object:
    from xdplb.bpf import RingBufferMap

    with RingBufferMap.create(MapType.RINGBUF, 0, 0, 4096) as ring:
        return ring.reader()


def test_handles_out_of_an_object_are_collected_without_a_word(loaded: LoadedObject) -> None:
    before = len(os.listdir("/proc/self/fd"))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        loaded.map("recent")[1] = 2
        loaded.program("bounce").test_run(FRAME)
        gc.collect()
    assert caught == []
    assert len(os.listdir("/proc/self/fd")) == before
