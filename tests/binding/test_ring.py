# SPDX-License-Identifier: BSD-2-Clause
"""Ring buffers: what is read, how much at once, and by whom."""

from __future__ import annotations

import os
import select
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from binding.stand import FRAME

from xdplb.bpf import (
    BpfError,
    BpfObject,
    ClosedError,
    CodecError,
    Fields,
    LoadedObject,
    OpenedObject,
    RingBufferMap,
)

EVENT = Fields("=QII")


@pytest.fixture
def telling(sample: OpenedObject) -> Iterator[LoadedObject]:
    """The sample object, which writes an event of 16 bytes for each run."""
    sample.set_constant("tells", True)
    with sample.load() as loaded:
        yield loaded


@pytest.fixture
def lengths(compiled: Callable[[str], Path]) -> Iterator[LoadedObject]:
    """An object whose records are as long as the packet, modulo 64, in a ring of 4 KiB."""
    with BpfObject.open(compiled("lengths")) as opened, opened.load() as loaded:
        yield loaded


def ring(loaded: LoadedObject) -> RingBufferMap:
    events = loaded.map("events")
    assert isinstance(events, RingBufferMap)
    return events


def test_events_come_typed_and_in_order(telling: LoadedObject) -> None:
    with ring(telling).reader(telling.btf.codec("struct event")) as reader:
        telling.program("count").test_run(FRAME, repeat=5)
        events = reader.read()
    assert [(event.number, event.length) for event in events] == [
        (number, len(FRAME)) for number in range(1, 6)
    ]
    assert [event.time_ns for event in events] == sorted(event.time_ns for event in events)


def test_reading_an_empty_ring_does_not_block(telling: LoadedObject) -> None:
    with ring(telling).reader(EVENT) as reader:
        assert reader.read() == []
        assert reader.wait(0) is False


def test_wait_ends_when_an_event_comes(telling: LoadedObject) -> None:
    count = telling.program("count")
    with ring(telling).reader(EVENT) as reader:
        writer = threading.Thread(target=count.test_run, args=(FRAME,))
        writer.start()
        assert reader.wait(10) is True
        writer.join()
        assert len(reader.read()) == 1


def test_signal_does_not_end_the_wait(telling: LoadedObject) -> None:
    count = telling.program("count")
    rings: list[int] = []

    def ring_bell(*_: object) -> None:
        rings.append(1)
        if len(rings) == 3:
            count.test_run(FRAME)

    previous = signal.signal(signal.SIGALRM, ring_bell)
    signal.setitimer(signal.ITIMER_REAL, 0.005, 0.005)
    try:
        with ring(telling).reader(EVENT) as reader:
            assert reader.wait(10) is True
            assert len(reader.read()) == 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    assert len(rings) >= 3


def test_descriptor_can_be_polled(telling: LoadedObject) -> None:
    with ring(telling).reader(EVENT) as reader:
        poll = select.poll()
        poll.register(reader, select.POLLIN)
        assert poll.poll(0) == []
        telling.program("count").test_run(FRAME)
        assert poll.poll(10_000) == [(reader.fileno(), select.POLLIN)]


def test_read_is_bounded_by_bytes(telling: LoadedObject) -> None:
    telling.program("count").test_run(FRAME, repeat=100)
    with ring(telling).reader(EVENT) as reader:
        assert len(reader.read(16 * 10)) == 10
        assert len(reader.read(16 * 10 + 15)) == 10
        assert len(reader.read()) == 80
        assert reader.pending() == 0


def test_iteration_gives_one_event_after_the_other(telling: LoadedObject) -> None:
    telling.program("count").test_run(FRAME, repeat=3)
    with ring(telling).reader(EVENT) as reader:
        events = iter(reader)
        assert [next(events)[2] for _ in range(3)] == [1, 2, 3]


def test_records_of_any_length_come_as_bytes(lengths: LoadedObject) -> None:
    sizes = [14, 15, 16, 17, 63, 20]
    for size in sizes:
        lengths.program("tell_length").test_run(bytes(size))
    with ring(lengths).reader() as reader:
        records = reader.read()
    assert [len(record) for record in records] == sizes
    assert all(record.startswith(b"\1\2\3\0") for record in records)


def test_bite_smaller_than_a_record_still_gets_it(lengths: LoadedObject) -> None:
    for _ in range(3):
        lengths.program("tell_length").test_run(bytes(60))
    with ring(lengths).reader() as reader:
        assert [len(record) for record in reader.read(1)] == [60]
        assert len(reader.read()) == 2


def test_ring_goes_on_at_its_beginning(lengths: LoadedObject) -> None:
    run = lengths.program("tell_length").test_run
    with ring(lengths).reader(60) as reader:
        for _ in range(40):  # 40 times 10 records of 68 bytes: several times round 4 KiB
            run(bytes(60), repeat=10)
            assert reader.read() == [b"\1\2\3" + bytes(57)] * 10
    assert lengths.get_global("lost") == 0


def test_full_ring_loses_new_records_and_keeps_old_ones(lengths: LoadedObject) -> None:
    lengths.program("tell_length").test_run(bytes(60), repeat=1000)
    with ring(lengths).reader(60) as reader:
        assert len(reader.read()) + lengths.get_global("lost") == 1000


def test_discarded_records_are_passed_over(lengths: LoadedObject) -> None:
    lengths.program("discard").test_run(FRAME, repeat=3)
    lengths.program("tell_length").test_run(bytes(20))
    with ring(lengths).reader() as reader:
        assert [len(record) for record in reader.read()] == [20]
        assert reader.pending() == 0


def test_record_of_another_size_is_told_once_and_passed_over(lengths: LoadedObject) -> None:
    for size in (20, 20, 30, 20):
        lengths.program("tell_length").test_run(bytes(size))
    with ring(lengths).reader(20) as reader:
        assert len(reader.read()) == 2
        with pytest.raises(CodecError, match="a record of 30 bytes where 20 belong"):
            reader.read()
        assert len(reader.read()) == 1


def test_program_that_wakes_nobody_leaves_the_waiter_asleep(
    compiled: Callable[[str], Path],
) -> None:
    with BpfObject.open(compiled("lengths")) as opened:
        opened.set_constant("wakeup_flags", 1)  # BPF_RB_NO_WAKEUP
        with opened.load() as loaded, ring(loaded).reader() as reader:
            poll = select.epoll()
            poll.register(reader, select.EPOLLIN | select.EPOLLET)
            assert poll.poll(0) == []
            loaded.program("tell_length").test_run(bytes(20))
            assert poll.poll(0.05) == []
            assert len(reader.read()) == 1
            poll.close()


def test_packed_records_hold_until_the_next_read(telling: LoadedObject) -> None:
    telling.program("count").test_run(FRAME, repeat=2)
    with ring(telling).reader(EVENT) as reader:
        view = reader.read_raw()
        assert len(view) == 32
        assert [number for _, _, number in EVENT.unpack_many(view)] == [1, 2]


def test_forked_child_is_refused(telling: LoadedObject) -> None:
    with ring(telling).reader(EVENT) as reader:
        child = os.fork()
        if not child:
            try:
                reader.read()
            except BpfError as error:
                os._exit(7 if "forked child" in str(error) else 8)
            os._exit(9)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        telling.program("count").test_run(FRAME)
        assert len(reader.read()) == 1


def test_two_threads_at_once_are_kept_apart(telling: LoadedObject) -> None:
    with ring(telling).reader(EVENT) as reader:
        reader._reading.acquire()  # as if another thread were in the middle of a read
        with pytest.raises(BpfError, match="another thread is reading"):
            reader.read()
        with pytest.raises(BpfError, match="join it before closing"):
            reader.close()
        reader._reading.release()
        assert reader.read() == []


def test_closed_reader_says_so_and_leaves_the_rest_in_the_ring(telling: LoadedObject) -> None:
    telling.program("count").test_run(FRAME, repeat=3)
    reader = ring(telling).reader(EVENT)
    assert len(reader.read(16)) == 1
    reader.close()
    reader.close()
    with pytest.raises(ClosedError):
        reader.read()
    with ring(telling).reader(EVENT) as other:
        assert [number for _, _, number in other.read()] == [2, 3]


def test_reader_outlives_map_and_object(telling: LoadedObject) -> None:
    with ring(telling).reader(EVENT) as reader:
        count = telling.program("count")
        telling.close()
        count.test_run(FRAME)
        assert len(reader.read()) == 1
