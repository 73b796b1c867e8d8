# SPDX-License-Identifier: BSD-2-Clause
"""Maps: one key at a time, or many in one system call."""

from __future__ import annotations

import os
from enum import IntEnum
from errno import E2BIG, EEXIST, ENOENT

from xdplb._libbpf import ffi, lib
from xdplb.bpf import batch
from xdplb.bpf.calls import check, kernel_error
from xdplb.bpf.codec import unpack_many
from xdplb.bpf.errors import (
    BpfError,
    ClosedError,
    CodecError,
    KernelError,
    KeyExistsError,
    KeyMissingError,
    MapFullError,
)
from xdplb.bpf.maphandle import K, MapHandle, V, represents
from xdplb.bpf.maptype import MapType
from xdplb.bpf.typehints import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Self

    from xdplb.bpf.codec import Buffer, Codec

K2 = TypeVar("K2", default=Any)
V2 = TypeVar("V2", default=Any)

_lookup = lib.bpf_map_lookup_elem
_update = lib.bpf_map_update_elem
_delete = lib.bpf_map_delete_elem

_KINDS: dict[int, type[KernelError]] = {
    E2BIG: MapFullError,
    EEXIST: KeyExistsError,
    ENOENT: KeyMissingError,
}


class UpdateMode(IntEnum):
    """What an update does where the key is already there, or is not."""

    ANY = lib.BPF_ANY
    NEW = lib.BPF_NOEXIST
    EXISTING = lib.BPF_EXIST


@represents()
class Map(MapHandle[K, V]):
    """A map of keys ``K`` and values ``V``.

    Safe to use from several threads; the interpreter lock is not held during a call.
    """

    __slots__ = ()

    def lookup(self, key: K) -> V | None:
        """Return the value under *key*, or None where there is none.

        :raises KernelError: for every errno but ENOENT
        """
        packed = self._pack_key(key)
        if len(packed) != self.key_size:
            raise self._wrong_size("key", packed, self.key_size)
        try:
            buffer, pointer = self._spare.pop()
        except IndexError:
            buffer = bytearray(self.value_bytes)
            pointer = ffi.from_buffer(buffer)
        code = _lookup(self._fd, packed, pointer)
        value = None if code else self._unpack_value(buffer)
        self._spare.append((buffer, pointer))
        if code and code != -ENOENT:
            raise self._failure(code, "look up in", key)
        return value

    def update(self, key: K, value: V, *, mode: int = 0) -> None:
        """Store *value* under *key*.

        :param mode: an :class:`UpdateMode`
        :raises KeyExistsError: with ``UpdateMode.NEW``, where the key is there
        :raises KeyMissingError: with ``UpdateMode.EXISTING``, where it is not
        :raises MapFullError: if the map has no room
        """
        packed = self._pack_key(key)
        data = self._pack_value(value)
        if len(packed) != self.key_size:
            raise self._wrong_size("key", packed, self.key_size)
        if len(data) != self.value_bytes:
            raise self._wrong_size("value", data, self.value_bytes)
        code = _update(self._fd, packed, data, mode)
        if code:
            raise self._failure(code, "update", key)

    def delete(self, key: K) -> bool:
        """Delete *key* and return whether it was there.

        :raises KernelError: where nothing can be deleted, as in arrays (EINVAL)
        """
        packed = self._pack_key(key)
        if len(packed) != self.key_size:
            raise self._wrong_size("key", packed, self.key_size)
        code = _delete(self._fd, packed)
        if code == -ENOENT:
            return False
        if code:
            raise self._failure(code, "delete from", key)
        return True

    def __getitem__(self, key: K) -> V:
        value = self.lookup(key)
        if value is None:
            raise self._failure(-ENOENT, "look up in", key)
        return value

    def __setitem__(self, key: K, value: V) -> None:
        self.update(key, value)

    def __delitem__(self, key: K) -> None:
        if not self.delete(key):
            raise self._failure(-ENOENT, "delete from", key)

    def __contains__(self, key: K) -> bool:
        return self.lookup(key) is not None

    # --- many keys ----------------------------------------------------------------------------

    def items(self, *, chunk: int = batch.CHUNK) -> Iterator[tuple[K, V]]:
        """Return an iterator over all elements, read *chunk* at a time.

        What is added or deleted meanwhile may be seen or not.
        """
        for keys, values in self.read_batches(chunk):
            yield from zip(
                unpack_many(self._key, keys), unpack_many(self._value, values), strict=True
            )

    def __iter__(self) -> Iterator[K]:
        for keys, _ in self.read_batches():
            yield from list(unpack_many(self._key, keys))

    def count(self) -> int:
        """Return how many keys there are, by reading them all."""
        return sum(len(keys) for keys, _ in self.read_batches()) // self.key_size

    def update_many(self, items: Iterable[tuple[K, V]]) -> int:
        """Store many elements in one system call; return how many.

        :raises BatchError: with ``done`` where it stopped half way
        """
        keys, values = bytearray(), bytearray()
        count = 0
        for key, value in items:
            keys += self._pack_key(key)
            values += self._pack_value(value)
            count += 1
        return self.write_batch(keys, values, count)

    def delete_many(self, keys: Iterable[K]) -> int:
        """Delete many keys in one system call; return how many were there."""
        return self.erase_batch(b"".join([self._pack_key(key) for key in keys]))

    def clear(self) -> int:
        """Delete all keys and return how many there were."""
        # All keys first: a key walk that loses its place starts over.
        return self.erase_batch(b"".join([bytes(keys) for keys, _ in self.read_batches()]))

    # --- buffers ------------------------------------------------------------------------------

    def read_batches(self, chunk: int = batch.CHUNK) -> Iterator[tuple[memoryview, memoryview]]:
        """Return an iterator over (keys, values) as packed bytes, *chunk* elements or more at once.

        Both buffers hold until the next step.
        """
        reader = batch.BatchReader(self.fileno(), self.key_size, self.value_bytes, self.subject)
        return reader.chunks(min(chunk, max(self.max_entries, 1)))

    def write_batch(self, keys: Buffer, values: Buffer, count: int) -> int:
        """Store *count* elements out of packed bytes; return *count*.

        :raises CodecError: if a buffer has not *count* times the size of a key or value
        :raises BatchError: with ``done`` where it stopped half way
        """
        if not count:
            return 0
        if len(keys) != count * self.key_size:
            raise self._wrong_size(f"{count} keys", keys, count * self.key_size)
        if len(values) != count * self.value_bytes:
            raise self._wrong_size(f"{count} values", values, count * self.value_bytes)
        return batch.write(self.fileno(), keys, values, count, self.subject)

    def erase_batch(self, keys: Buffer) -> int:
        """Delete the keys that stand packed in *keys*; return how many were there."""
        count, rest = divmod(len(keys), self.key_size)
        if rest:
            raise self._wrong_size("keys", keys, count * self.key_size)
        return batch.erase(self.fileno(), keys, count, self.subject) if count else 0

    # --- the rest -----------------------------------------------------------------------------

    def typed(self, key: Codec[K2], value: Codec[V2]) -> Map[K2, V2]:
        """Use other codecs from now on, and return this same map under its new type.

        :raises CodecError: if a codec has not the size the map has
        """
        same: Map[Any, Any] = self
        same._set_codecs(key, value)
        return same

    def dup(self) -> Self:
        """Return another handle of the same map, closed by itself."""
        cls: Any = type(self)
        made: Self = cls(os.dup(self.fileno()), self._key, self._each, info=self.info)
        return made

    def freeze(self) -> None:
        """Make it read-only for user space, for good."""
        check(lib.bpf_map_freeze(self.fileno()), "freeze", self.subject)

    def _failure(self, code: int, operation: str, key: K) -> BpfError:
        if self._fd < 0:
            return ClosedError(f"{self.subject}: is closed")
        return kernel_error(code, operation, self.subject, f"key {key!r}", kind=_KINDS.get(-code))

    def _wrong_size(self, what: str, data: Buffer, size: int) -> CodecError:
        return CodecError(f"{self.subject}: {what} of {len(data)} bytes where {size} belong")


@represents(MapType.HASH)
class HashMap(Map[K, V]):
    """A hash table; full means full."""

    __slots__ = ()


@represents(MapType.LRU_HASH)
class LruHashMap(Map[K, V]):
    """A hash table that, when full, drops an entry that was not used lately."""

    __slots__ = ()
