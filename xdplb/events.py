# SPDX-License-Identifier: BSD-2-Clause
"""Flow events as they happen. The program tells them only while somebody holds a lease."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from xdplb.abi_flows import NSEC_PER_SEC, FlowEvent, FlowEventCodec, Switches
from xdplb.bpf import RingBufferMap, RingReader
from xdplb.dataplane import DataPlane
from xdplb.errors import XdplbError
from xdplb.state import PinFolder

# A reader that is killed costs the program two seconds of telling nobody.
LEASE_S = 2


@contextmanager
def read_alone(folder: PinFolder) -> Iterator[None]:
    """Be the only reader: two would take each other's events.

    :raises XdplbError: if somebody reads them already
    """
    descriptor = os.open(folder.path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise XdplbError(
            f"{folder.name.interface}: somebody reads its events already; end that one first"
        ) from None
    finally:
        os.close(descriptor)


def renew_lease(plane: DataPlane, seconds: int = LEASE_S) -> None:
    """Let the program tell its events for that long from now."""
    until_ns = time.monotonic_ns() + seconds * NSEC_PER_SEC if seconds else 0
    plane.put_switches(Switches(until_ns, plane.switches().lost_events))


def follow(folder: PinFolder) -> Iterator[FlowEvent]:
    """Yield the events from now on, until the attachment is gone.

    :raises XdplbError: if somebody reads them already
    """
    with read_alone(folder), DataPlane.from_folder(folder) as plane:
        ring = plane.map("flow_events")
        assert isinstance(ring, RingBufferMap)
        with ring.reader(FlowEventCodec()) as reader:
            # What an earlier reader has left in the ring is no news.
            reader.read_raw(ring.max_entries)
            try:
                while folder.exists():
                    renew_lease(plane)
                    yield from take(reader)
            finally:
                renew_lease(plane, 0)


def take(reader: RingReader[FlowEvent]) -> Iterator[FlowEvent]:
    """Yield what comes until the lease is half over."""
    deadline = time.monotonic() + LEASE_S / 2
    while (left := deadline - time.monotonic()) > 0:
        if reader.wait(left):
            yield from reader.read()


def wall_clock_ns(monotonic_ns: int) -> int:
    """Return the time since 1970 of a moment told by CLOCK_MONOTONIC."""
    return time.time_ns() - time.monotonic_ns() + monotonic_ns
