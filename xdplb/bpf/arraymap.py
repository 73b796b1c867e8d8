# SPDX-License-Identifier: BSD-2-Clause
"""Arrays, and arrays mapped into our memory."""

from __future__ import annotations

from errno import E2BIG

from xdplb._libbpf import ffi, lib
from xdplb.bpf.calls import kernel_error
from xdplb.bpf.codec import U32, Codec
from xdplb.bpf.errors import BpfError, ClosedError, CodecError, FeatureError, KeyMissingError
from xdplb.bpf.map import Map
from xdplb.bpf.maphandle import V, represents
from xdplb.bpf.maptype import MapType
from xdplb.bpf.typehints import TYPE_CHECKING, Any, Generic

if TYPE_CHECKING:
    import mmap
    from collections.abc import Iterator

    from xdplb.bpf.codec import Buffer

WORD = 8  # bytes; the kernel rounds each value up to whole words


@represents(MapType.ARRAY, MapType.PROG_ARRAY, MapType.PERF_EVENT_ARRAY)
class ArrayMap(Map[int, V]):
    """An array: every index from 0 to ``max_entries - 1`` is always there."""

    __slots__ = ()

    def _default_key(self) -> Codec[Any]:
        return U32

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.max_entries))

    def __len__(self) -> int:
        return self.max_entries

    def mmap(self, *, write: bool = False) -> MappedArray[V]:
        """Map the array into this process's memory: reading and writing without system calls.

        :raises FeatureError: if the map was made without ``BPF_F_MMAPABLE``
        """
        return MappedArray(self, write=write)

    def _failure(self, code: int, operation: str, key: int) -> BpfError:
        if code == -E2BIG and self._fd >= 0:
            words = f"index {key}: the last one is {self.max_entries - 1}"
            return kernel_error(code, operation, self.subject, words, kind=KeyMissingError)
        return super()._failure(code, operation, key)


class MappedArray(Generic[V]):
    """An array map as memory: a sequence of values, and a view of the bytes.

    Values stand at a stride, their size rounded up to 8 bytes. A store through :attr:`view` or by
    index is a memory copy, which a program may see half done; :meth:`store_words` stores each
    64-bit word whole. A forked child shares the memory.

    :ivar view: all bytes; writable if asked for
    :ivar stride: bytes from one value to the next
    """

    def __init__(self, array: ArrayMap[V], *, write: bool) -> None:
        self.subject = f"mapped {array.subject}"
        self.size = array.value_size
        self.stride = (array.value_size + WORD - 1) // WORD * WORD
        self._entries = array.max_entries
        self._codec: Codec[V] = array.each
        self.view = memoryview(map_memory(array, self.stride * array.max_entries, write=write))

    def __len__(self) -> int:
        return self._entries

    def __iter__(self) -> Iterator[V]:
        return (self[index] for index in range(self._entries))

    def __getitem__(self, index: int) -> V:
        at = self._offset(index)
        return self._codec.unpack(self.view[at : at + self.size])

    def __setitem__(self, index: int, value: V) -> None:
        at = self._offset(index)
        self.view[at : at + self.size] = self._codec.pack(value)

    def store_words(self, index: int, words: Buffer | Any) -> None:
        """Store 64-bit words from the value at *index* on, each with one store.

        :param words: a buffer of whole words, as ``array("Q")`` or bytes; in arrays whose values
            are 8 bytes or less, a word for each value
        :raises CodecError: if they are no whole words, or reach beyond the end
        """
        at = self._offset(index)
        data = memoryview(words).cast("B")
        if len(data) % WORD:
            raise CodecError(f"{self.subject}: {len(data)} bytes are no whole words of {WORD}")
        if at + len(data) > len(self.view):
            raise CodecError(
                f"{self.subject}: {len(data)} bytes from index {index} on reach beyond "
                f"its end ({len(self.view) - at} bytes away)"
            )
        with ffi.from_buffer(self.view[at:], require_writable=True) as memory:
            lib.shim_store_words(memory, ffi.from_buffer(data), len(data) // WORD)

    def _offset(self, index: int) -> int:
        if self.closed:
            raise ClosedError(f"{self.subject}: is closed")
        if not 0 <= index < self._entries:
            raise IndexError(f"{self.subject}: no index {index}, the last is {self._entries - 1}")
        return index * self.stride

    @property
    def closed(self) -> bool:
        """Whether :meth:`close` has been called."""
        return self._entries == 0

    def close(self) -> None:
        """Give the memory back, as soon as nobody holds a slice of the view any more."""
        self._entries = 0
        self.view.release()

    def __enter__(self) -> MappedArray[V]:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def map_memory(map_: Map[Any, Any], size: int, *, write: bool) -> mmap.mmap:
    """Map the first *size* bytes of a map's values.

    :raises FeatureError: if the map cannot be mapped
    :raises KernelError: if it is frozen and *write* is asked for (EPERM)
    """
    import mmap  # noqa: PLC0415 - for those who map

    protection = mmap.PROT_READ | (mmap.PROT_WRITE if write else 0)
    try:
        return mmap.mmap(map_.fileno(), size, mmap.MAP_SHARED, protection)
    except OSError as error:
        if not map_.flags & lib.BPF_F_MMAPABLE:
            words = "the map was made without BPF_F_MMAPABLE"
            lacking = FeatureError("map into memory", map_.subject, error.errno or 0, words)
            lacking.feature = "BPF_F_MMAPABLE"
            raise lacking from error
        raise kernel_error(error.errno or 0, "map into memory", map_.subject) from error
