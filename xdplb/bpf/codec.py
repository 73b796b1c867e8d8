# SPDX-License-Identifier: BSD-2-Clause
"""Codecs: how a Python value becomes the bytes of a key or value, and back.

A codec has a ``size`` in bytes, ``pack(value)`` and ``unpack(data)``; any object with these will
do. What ``unpack`` keeps of *data* it has to copy: the buffer is used again.
"""

from __future__ import annotations

import struct

from xdplb.bpf.errors import CodecError
from xdplb.bpf.typehints import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import TypeAlias

    Buffer: TypeAlias = bytes | bytearray | memoryview

T = TypeVar("T")


class Codec(Protocol[T]):
    """What a map needs to know about its keys or values."""

    @property
    def size(self) -> int:
        """Bytes of one value."""

    def pack(self, value: T) -> bytes:
        """Return the *size* bytes of *value*."""

    def unpack(self, data: Buffer) -> T:
        """Return the value in the first *size* bytes of *data*."""


class Integer:
    """A whole number of a fixed width.

    :param letter: its letter of the struct module: ``B H I Q`` unsigned, ``b h i q`` signed
    :param order: ``"="`` for the machine's byte order, ``">"`` for the network's
    """

    def __init__(self, letter: str, order: str = "=") -> None:
        self.format = order + letter
        self._struct = struct.Struct(self.format)
        self.size = self._struct.size
        bits = 8 * self.size
        low = -(1 << (bits - 1)) if letter.islower() else 0
        self.bounds = (low, low + (1 << bits) - 1)
        self.word = letter if order == "=" else None

    def pack(self, value: int) -> bytes:
        try:
            return self._struct.pack(value)
        except struct.error:
            low, high = self.bounds
            raise CodecError(f"{value!r} is not a whole number from {low} to {high}") from None

    def unpack(self, data: Buffer) -> int:
        number: int = self._struct.unpack_from(data)[0]
        return number

    def unpack_many(self, data: Buffer) -> Iterator[int]:
        """Return an iterator over the numbers that stand one behind the other in *data*."""
        return (number for (number,) in self._struct.iter_unpack(data))

    def from_words(self, columns: list[list[int]]) -> Iterator[int]:
        """Return an iterator over numbers that were read as words, in one column."""
        return iter(columns[0])

    def __repr__(self) -> str:
        return f"Integer({self.format[1:]!r}, {self.format[0]!r})"


class Raw:
    """Bytes as they are, always *size* of them."""

    def __init__(self, size: int) -> None:
        self.size = size

    def pack(self, value: Buffer) -> bytes:
        if len(value) != self.size:
            raise CodecError(f"{len(value)} bytes where {self.size} belong")
        return bytes(value)

    def unpack(self, data: Buffer) -> bytes:
        return bytes(data[: self.size])

    def unpack_many(self, data: Buffer) -> Iterator[bytes]:
        """Return an iterator over the pieces of *data*."""
        size = self.size
        return (bytes(data[at : at + size]) for at in range(0, len(data), size))

    def __repr__(self) -> str:
        return f"Raw({self.size})"


class Fields:
    """A plain tuple by a format of the struct module: the fastest codec for many values.

    :param layout: as ``"=QII4s"``; padding of the C struct is written out, as ``4x``
    """

    def __init__(self, layout: str) -> None:
        self._struct = struct.Struct(layout)
        self.size = self._struct.size
        letters = "".join({letter for letter in layout if letter.isalpha()})
        swapped = layout.startswith(("<", ">", "!"))
        self.word = letters if len(letters) == 1 and letters in "bBhHiIqQ" and not swapped else None
        self.unpack_many = self._struct.iter_unpack
        self.unpack = self._struct.unpack_from

    def pack(self, value: Iterable[Any]) -> bytes:
        try:
            return self._struct.pack(*value)
        except struct.error as error:
            raise CodecError(f"{value!r} does not fit {self._struct.format!r}: {error}") from None

    def from_words(self, columns: list[list[int]]) -> Iterator[tuple[int, ...]]:
        """Return an iterator over tuples whose fields were read as words, a column each."""
        return zip(*columns, strict=True)

    def __repr__(self) -> str:
        return f"Fields({self._struct.format!r})"


U8 = Integer("B")
U16 = Integer("H")
U32 = Integer("I")
U64 = Integer("Q")
S32 = Integer("i")
S64 = Integer("q")
BE16 = Integer("H", ">")
BE32 = Integer("I", ">")
BE64 = Integer("Q", ">")


def unpack_many(codec: Codec[T], data: Buffer) -> Iterator[T]:
    """Return an iterator over the values in *data*, by the codec's own fast way if it has one."""
    fast = getattr(codec, "unpack_many", None)
    if fast is not None:
        values: Iterator[T] = fast(data)
        return values
    view = memoryview(data)
    size = codec.size
    return (codec.unpack(view[at : at + size]) for at in range(0, len(view), size))
