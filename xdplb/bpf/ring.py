# SPDX-License-Identifier: BSD-2-Clause
"""Ring buffers: records from programs, read in big bites."""

from __future__ import annotations

import os
import sys
import warnings
from _thread import allocate_lock
from errno import EMSGSIZE, ENOSPC

from xdplb._libbpf import ffi, lib
from xdplb.bpf.calls import check, kernel_error
from xdplb.bpf.codec import Codec, Raw, unpack_many
from xdplb.bpf.errors import BpfError, ClosedError, CodecError
from xdplb.bpf.map import Map
from xdplb.bpf.maphandle import represents
from xdplb.bpf.maptype import MapType
from xdplb.bpf.typehints import TYPE_CHECKING, Any, Generic, TypeVar, overload

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

R = TypeVar("R", default=bytes)

BITE = 256 * 1024  # bytes read at once; small bites lose their time to the interpreter lock
_LENGTH = 8  # bytes in front of each record of no fixed size


@represents(MapType.RINGBUF)
class RingBufferMap(Map[bytes, bytes]):
    """A ring buffer, which programs write and one reader reads."""

    __slots__ = ()

    @overload
    def reader(self, record: Codec[R]) -> RingReader[R]: ...
    @overload
    def reader(self, record: int | None = None) -> RingReader[bytes]: ...  # noqa: F811
    def reader(  # noqa: F811
        self, record: Codec[Any] | int | None = None
    ) -> RingReader[Any]:
        """Return a reader of the ring; there should be one only, in one process.

        :param record: a codec, or a size, for records of one size; without, records come as
            bytes of any length
        """
        codec = Raw(record) if isinstance(record, int) else record
        return RingReader(self, codec)


class RingReader(Generic[R]):
    """Takes records out of a ring buffer.

    Its file descriptor can be polled (select, asyncio's ``add_reader``): readable means that
    :meth:`read` may have something. A program that submits with ``BPF_RB_NO_WAKEUP`` wakes nobody.
    """

    def __init__(self, ring: RingBufferMap, codec: Codec[R] | None) -> None:
        self._ring: Any = ffi.NULL
        self.subject = f"reader of {ring.subject}"
        self._codec = codec
        self._pid = os.getpid()
        self._reading = allocate_lock()
        self._fd = -1
        pointer = ffi.new("struct shim_ring **")
        code = lib.shim_ring_open(ring.fileno(), ring.max_entries, pointer)
        check(code, "map into memory", ring.subject)
        self._ring = pointer[0]
        self._fd = os.dup(ring.fileno())
        self._size = ring.max_entries
        self._buffer = bytearray(0)

    def fileno(self) -> int:
        """Return the descriptor to poll."""
        self._check_use()
        return self._fd

    def read(self, max_bytes: int = BITE) -> list[R]:
        """Return the records that are there, at most *max_bytes* of them; never blocks.

        :raises CodecError: if a record has not the codec's size; that record is lost, the next
            call goes on behind it
        :raises BpfError: in a forked child, or while another thread reads
        """
        self._start()
        try:
            view = self._fill(max_bytes)
            if self._codec is not None:
                return list(unpack_many(self._codec, view))
            return list(_split(view))  # type: ignore[arg-type]
        finally:
            self._reading.release()

    def read_raw(self, max_bytes: int = BITE) -> memoryview:
        """Return what :meth:`read` would, packed; it holds until the next read.

        Records of one size stand one behind the other. Others have their length in front, as 8
        bytes in the machine's order, and are padded to 8 bytes.
        """
        self._start()
        try:
            return self._fill(max_bytes)
        finally:
            self._reading.release()

    def _fill(self, max_bytes: int) -> memoryview:
        if len(self._buffer) < max_bytes:
            self._buffer = bytearray(max_bytes)
        needed = ffi.new("uint32_t *")
        size = 0 if self._codec is None else self._codec.size
        with ffi.from_buffer(self._buffer) as room:
            code = lib.shim_ring_read(self._ring, room, max_bytes, size, needed)
        if code == -ENOSPC:
            return self._fill(needed[0])  # one record alone is more than was asked for
        if code < 0:
            raise self._failure(code, needed[0])
        return memoryview(self._buffer)[:code]

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until there is something to read; False if nothing came in *timeout_s* seconds."""
        self._check_use()
        import select  # noqa: PLC0415 - for those who wait

        poll = select.poll()
        poll.register(self._fd, select.POLLIN)
        return bool(poll.poll(None if timeout_s is None else max(0, timeout_s) * 1000))

    def pending(self) -> int:
        """Return how many bytes wait in the ring, headers included."""
        self._check_use()
        pending: int = lib.shim_ring_pending(self._ring)
        return pending

    def __iter__(self) -> Iterator[R]:
        """Return an iterator that never ends: it waits for records and gives them one by one."""
        while True:
            self.wait()
            yield from self.read()

    def close(self) -> None:
        """Unmap the ring; what is unread stays in it.

        :raises BpfError: while another thread reads
        """
        if self._fd < 0:
            return
        if os.getpid() == self._pid and not self._reading.acquire(blocking=False):
            raise BpfError(f"{self.subject}: another thread is reading; join it before closing")
        ring, fd = self._ring, self._fd
        self._ring, self._fd = ffi.NULL, -1
        lib.shim_ring_close(ring)
        os.close(fd)

    def __enter__(self) -> RingReader[R]:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_fd", -1) >= 0:
            warnings.warn(
                f"{self.subject} was never closed", ResourceWarning, stacklevel=1, source=self
            )
            self.close()

    def _check_use(self) -> None:
        if self._fd < 0:
            raise ClosedError(f"{self.subject}: is closed")
        if os.getpid() != self._pid:
            # The mapping is shared with the parent: two readers would both move its position.
            raise BpfError(
                f"{self.subject}: belongs to process {self._pid}; "
                "a forked child must open one of its own, after the parent's is closed"
            )

    def _start(self) -> None:
        """Keep other threads out until ``self._reading`` is released."""
        self._check_use()
        if not self._reading.acquire(blocking=False):
            raise BpfError(f"{self.subject}: another thread is reading; let one thread read")

    def _failure(self, code: int, needed: int) -> BpfError:
        if code == -EMSGSIZE:
            wanted = "" if self._codec is None else self._codec.size
            return CodecError(f"{self.subject}: a record of {needed} bytes where {wanted} belong")
        return kernel_error(code, "read", self.subject)


def _split(view: memoryview) -> Iterator[bytes]:
    at = 0
    while at < len(view):
        length = int.from_bytes(view[at : at + _LENGTH], sys.byteorder)
        at += _LENGTH
        yield bytes(view[at : at + length])
        at += (length + 7) // 8 * 8
