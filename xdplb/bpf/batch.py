# SPDX-License-Identifier: BSD-2-Clause
"""Batches: many elements of a map in one system call, as buffers.

Came with Linux 5.6 for hash and array, 6.1 at the latest for the other types. Where a map's type
has none, the callers here go key by key.
"""

from __future__ import annotations

from errno import EINVAL, ENOENT, ENOSPC

from xdplb._libbpf import ffi, lib
from xdplb.bpf.calls import ENOTSUPP, check, kernel_error
from xdplb.bpf.errors import BatchError
from xdplb.bpf.typehints import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xdplb.bpf.codec import Buffer

CHUNK = 4096  # elements per call; more gains nothing

_UNSUPPORTED = (-ENOTSUPP, -EINVAL)


class BatchReader:
    """Reads a map from its first to its last element, a chunk at a time.

    Elements that come or go meanwhile may be seen or not; one that stays is seen once.

    :param key_size: bytes of a key
    :param value_bytes: bytes that one lookup brings, for all CPUs
    """

    def __init__(self, fd: int, key_size: int, value_bytes: int, subject: str) -> None:
        self.fd = fd
        self.key_size = key_size
        self.value_bytes = value_bytes
        self.subject = subject

    def chunks(self, size: int = CHUNK) -> Iterator[tuple[memoryview, memoryview]]:
        """Return an iterator over (keys, values); both hold until the next step."""
        # The kernel keeps its place in a cursor as large as a key, a hash's in 4 bytes.
        cursor = bytearray(max(self.key_size, 4))
        place, next_place = ffi.NULL, ffi.from_buffer(cursor)
        count = ffi.new("uint32_t *")
        keys, values = self._room(size)
        while True:
            count[0] = size
            to, out = ffi.from_buffer(keys), ffi.from_buffer(values)
            code = lib.shim_map_lookup_batch(self.fd, place, next_place, to, out, count)
            if code == -ENOSPC:
                # A hash gives whole buckets, and this one holds more. The cursor did not move.
                size *= 2
                keys, values = self._room(size)
                continue
            if code in _UNSUPPORTED and place == ffi.NULL:
                yield from self._walked(size)
                return
            if code < 0 and code != -ENOENT:
                raise kernel_error(code, "read", self.subject)
            if done := count[0]:
                yield self._filled(keys, values, done)
            if code == -ENOENT:
                return
            place = next_place

    def _filled(
        self, keys: bytearray, values: bytearray, count: int
    ) -> tuple[memoryview, memoryview]:
        return (
            memoryview(keys)[: count * self.key_size],
            memoryview(values)[: count * self.value_bytes],
        )

    def _room(self, size: int) -> tuple[bytearray, bytearray]:
        return bytearray(size * self.key_size), bytearray(size * self.value_bytes)

    def _walked(self, size: int) -> Iterator[tuple[memoryview, memoryview]]:
        """Read key by key: the way of types without batches."""
        value = bytearray(self.value_bytes)
        pointer = ffi.from_buffer(value)
        for keys in self.key_chunks(size):
            found_keys, found_values = bytearray(), bytearray()
            for at in range(0, len(keys), self.key_size):
                key = bytes(keys[at : at + self.key_size])
                code = lib.bpf_map_lookup_elem(self.fd, key, pointer)
                if code == -ENOENT:
                    continue
                check(code, "read", self.subject)
                found_keys += key
                found_values += value
            yield memoryview(found_keys), memoryview(found_values)

    def key_chunks(self, size: int = CHUNK) -> Iterator[bytearray]:
        """Return an iterator over buffers of keys, found by walking from key to key.

        A key that is deleted under the walk sends it back to the first one, so delete only what
        an earlier walk has brought home whole.
        """
        after: bytes | None = None
        while True:
            keys = bytearray(size * self.key_size)
            count = check(
                lib.shim_map_walk(
                    self.fd,
                    ffi.NULL if after is None else after,
                    ffi.from_buffer(keys),
                    self.key_size,
                    size,
                ),
                "walk",
                self.subject,
            )
            if count:
                yield keys[: count * self.key_size]
            if count < size:
                return
            after = bytes(keys[-self.key_size :])


def write(fd: int, keys: Buffer, values: Buffer, count: int, subject: str) -> int:
    """Store *count* elements, whose keys and values stand one behind the other.

    The caller has checked the sizes of the buffers.

    :raises BatchError: with ``done``, the number of elements stored before one failed
    """
    done = ffi.new("uint32_t *", count)
    code = lib.shim_map_update_batch(fd, ffi.from_buffer(keys), ffi.from_buffer(values), done)
    if code in _UNSUPPORTED and done[0] in (0, count):
        return _write_singly(fd, keys, values, count, subject)
    return _count(code, "update", subject, done[0], count)


def _write_singly(fd: int, keys: Buffer, values: Buffer, count: int, subject: str) -> int:
    key_size, value_bytes = len(keys) // count, len(values) // count
    for index in range(count):
        key = bytes(keys[index * key_size : (index + 1) * key_size])
        value = bytes(values[index * value_bytes : (index + 1) * value_bytes])
        code = lib.bpf_map_update_elem(fd, key, value, lib.BPF_ANY)
        _count(code, "update", subject, index, count)
    return count


def erase(fd: int, keys: Buffer, count: int, subject: str) -> int:
    """Delete *count* keys and return how many were there; one that is not there is passed over.

    :raises BatchError: with ``done``, for every errno but ENOENT
    """
    key_size = len(keys) // count
    view = memoryview(keys)
    at = erased = 0
    while at < count:
        done = ffi.new("uint32_t *", count - at)
        code = lib.shim_map_delete_batch(fd, ffi.from_buffer(view[at * key_size :]), done)
        if code in _UNSUPPORTED and at == 0:
            return _erase_singly(fd, keys, count, subject)
        if code == -ENOENT:
            erased += done[0]
            at += done[0] + 1
            continue
        return erased + _count(code, "delete from", subject, done[0], count - at)
    return erased


def _erase_singly(fd: int, keys: Buffer, count: int, subject: str) -> int:
    key_size = len(keys) // count
    erased = 0
    for index in range(count):
        code = lib.bpf_map_delete_elem(fd, bytes(keys[index * key_size : (index + 1) * key_size]))
        if code == -ENOENT:
            continue
        _count(code, "delete from", subject, erased, count)
        erased += 1
    return erased


def _count(code: int, operation: str, subject: str, done: int, count: int) -> int:
    """Return *count*, all of it, or raise for *code* with what was *done*."""
    if code >= 0:
        return count
    cause = kernel_error(code, f"{operation} (batch of {count}, {done} done)", subject)
    error = BatchError(cause.operation, subject, cause.errno, cause.strerror, cause.log)
    error.done = done
    raise error from cause
