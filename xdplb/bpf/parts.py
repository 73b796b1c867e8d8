# SPDX-License-Identifier: BSD-2-Clause
"""The parts of a C type's layout: numbers and runs of bytes.

A type is taken apart into *parts*. Each knows its piece of the format of one unpacking, how many
items of the unpacked tuple are its own, and how to make a value of them. A part that takes one
item as it is has no ``decode``, which keeps structs of plain numbers fast.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from xdplb.bpf.btf import Btf, BtfType, Kind, kind_name
from xdplb.bpf.codec import Integer
from xdplb.bpf.errors import CodecError
from xdplb.bpf.typehints import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from typing import TypeAlias

    Items: TypeAlias = tuple[Any, ...]

_LETTERS = {1: "b", 2: "h", 4: "i", 8: "q"}
_BIG_ENDIAN = {"__be16", "__be32", "__be64"}
_SIGNED, _BOOL = 1, 4  # encodings of an integer, linux/btf.h
_BYTE = 8


class Part(NamedTuple):
    """A piece of a type's layout.

    :ivar layout: its piece of the format; padding is in it
    :ivar width: how many items of the unpacked tuple belong to it
    :ivar decode: makes the value out of the items from an index on; None: the one item itself
    :ivar encode: appends the items of a value
    """

    layout: str
    width: int
    size: int
    decode: Callable[[Items, int], Any] | None
    encode: Callable[[Any, list[Any]], None]


def is_big_endian(btf: Btf, number: int) -> bool:
    """Return whether a typedef on the way to the type says network byte order."""
    found = btf.types[number]
    while found.kind not in (Kind.INT, Kind.VOID) and found.name not in _BIG_ENDIAN:
        if found.kind not in (Kind.TYPEDEF, Kind.CONST, Kind.VOLATILE, Kind.TYPE_TAG):
            return False
        found = btf.types[found.target]
    return found.name in _BIG_ENDIAN


def scalar(found: BtfType, label: str) -> Part:
    """Return the part of a number: an integer, enum, float or pointer.

    :raises CodecError: if it is none of these
    """
    kind, size = found.kind, found.target
    if kind == Kind.FLOAT and size in (4, 8):
        return Part("f" if size == 4 else "d", 1, size, None, _append)
    if kind == Kind.PTR:
        return _number("Q", 8, label)
    if kind in (Kind.ENUM, Kind.ENUM64) and size in _LETTERS:
        signed = found.flag or any(value < 0 for _, value, *_ in found.records)
        return _number(_LETTERS[size] if signed else _LETTERS[size].upper(), size, label)
    if kind != Kind.INT:
        raise CodecError(f"{label}: a {kind_name(kind)} has no codec")
    encoding = found.records[0][0] >> 24
    if encoding & _BOOL and size == 1:
        return Part("?", 1, 1, None, lambda value, out: out.append(bool(value)))
    if size not in _LETTERS:
        return _wide_number(size, bool(encoding & _SIGNED))
    letter = _LETTERS[size] if encoding & _SIGNED else _LETTERS[size].upper()
    return _number(letter, size, label)


def _append(value: Any, out: list[Any]) -> None:
    out.append(value)


def _number(letter: str, size: int, label: str) -> Part:
    low, high = Integer(letter).bounds

    def encode(value: Any, out: list[Any]) -> None:
        if not low <= value <= high:
            raise CodecError(f"{label}: {value!r} is not a whole number from {low} to {high}")
        out.append(value)

    return Part(letter, 1, size, None, encode)


def big_endian(size: int, label: str) -> Part:
    """Return the part of a number in network byte order."""
    high = (1 << _BYTE * size) - 1

    def encode(value: Any, out: list[Any]) -> None:
        if not 0 <= value <= high:
            raise CodecError(f"{label}: {value!r} is not a whole number from 0 to {high}")
        out.append(int(value).to_bytes(size, "big"))

    return Part(f"{size}s", 1, size, lambda items, at: int.from_bytes(items[at], "big"), encode)


def _wide_number(size: int, signed: bool) -> Part:
    def encode(value: Any, out: list[Any]) -> None:
        try:
            out.append(value.to_bytes(size, sys.byteorder, signed=signed))
        except OverflowError as error:
            raise CodecError(f"{value!r} does not fit {size} bytes: {error}") from None

    def decode(items: Items, at: int) -> int:
        return int.from_bytes(items[at], sys.byteorder, signed=signed)

    return Part(f"{size}s", 1, size, decode, encode)


def bytes_part(size: int, label: str, *, text: bool = False) -> Part:
    """Bytes of a fixed number; a char array may be given fewer, as a C initializer may."""

    def encode(value: Any, out: list[Any]) -> None:
        if len(value) > size or (len(value) < size and not text):
            raise CodecError(f"{label}: {len(value)} bytes where {size} belong")
        out.append(bytes(value))

    return Part(f"{size}s", 1, size, None, encode)
