# SPDX-License-Identifier: BSD-2-Clause
"""BTF, the type information in object files, parsed from its bytes.

The format: https://docs.kernel.org/bpf/btf.html. Meant for an object's hundred types; the
kernel's own hundred thousand would take half a second.
"""

from __future__ import annotations

import os
import struct

from xdplb._libbpf import ffi, lib
from xdplb.bpf.calls import check
from xdplb.bpf.errors import CodecError, UnknownNameError
from xdplb.bpf.handle import open_id
from xdplb.bpf.typehints import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xdplb.bpf.codec import Codec

_HEADER = struct.Struct("=HBBIIIII")
_MAGIC = 0xEB9F
_TYPE = struct.Struct("=III")


class Kind:
    """Kinds of types, numbered as in linux/btf.h; plain numbers, for an enum is slow to make."""

    VOID = 0
    INT = 1
    PTR = 2
    ARRAY = 3
    STRUCT = 4
    UNION = 5
    ENUM = 6
    FWD = 7
    TYPEDEF = 8
    VOLATILE = 9
    CONST = 10
    RESTRICT = 11
    FUNC = 12
    FUNC_PROTO = 13
    VAR = 14
    DATASEC = 15
    FLOAT = 16
    DECL_TAG = 17
    TYPE_TAG = 18
    ENUM64 = 19


# What follows a type: the layout of one record, and whether there are as many as its vlen says.
_TAILS = {
    Kind.INT: (struct.Struct("=I"), False),
    Kind.ARRAY: (struct.Struct("=III"), False),
    Kind.STRUCT: (struct.Struct("=III"), True),
    Kind.UNION: (struct.Struct("=III"), True),
    Kind.ENUM: (struct.Struct("=Ii"), True),
    Kind.FUNC_PROTO: (struct.Struct("=II"), True),
    Kind.VAR: (struct.Struct("=I"), False),
    Kind.DATASEC: (struct.Struct("=III"), True),
    Kind.DECL_TAG: (struct.Struct("=I"), False),
    Kind.ENUM64: (struct.Struct("=III"), True),
}
_NO_TAIL = (struct.Struct(""), True)

_TRANSPARENT = {Kind.TYPEDEF, Kind.VOLATILE, Kind.CONST, Kind.RESTRICT, Kind.TYPE_TAG}
_SIZED = {Kind.INT, Kind.STRUCT, Kind.UNION, Kind.ENUM, Kind.ENUM64, Kind.FLOAT}
_WORDS = {Kind.STRUCT: "struct", Kind.UNION: "union", Kind.ENUM: "enum", Kind.ENUM64: "enum"}


class BtfType(NamedTuple):
    """A type as it stands in BTF.

    :ivar number: what other types call it by
    :ivar target: size in bytes, or the type it refers to, by its kind
    :ivar flag: the kind's own flag; of a struct, that it has bit fields
    :ivar records: what follows it
    """

    number: int
    kind: int
    name: str
    target: int
    flag: bool
    records: tuple[tuple[int, ...], ...]


class Member(NamedTuple):
    """A member of a struct or union; ``bits`` is 0 unless it is a bit field."""

    name: str
    type: int
    bit_offset: int
    bits: int


class Variable(NamedTuple):
    """A variable of a data section; offset and size in bytes."""

    name: str
    type: int
    offset: int
    size: int


class Btf:
    """The types of an object.

    :param raw: the bytes of the BTF section, with the offsets of variables filled in; no bytes
        for an object without types
    :raises CodecError: if these are no BTF of this machine's byte order
    """

    def __init__(self, raw: bytes) -> None:
        self.types: list[BtfType] = [BtfType(0, Kind.VOID, "void", 0, False, ())]
        self._strings = b""
        self._codecs: dict[int, Codec[Any]] = {}
        if raw:
            self._parse(raw)

    @classmethod
    def from_id(cls, number: int) -> Btf:
        """Return the types that the kernel keeps under that id; needs CAP_SYS_ADMIN."""
        fd = open_id(lib.SHIM_BTF, number, "BTF")
        try:
            size = check(lib.shim_btf_bytes(fd, ffi.NULL, 0), "read", f"BTF {number}")
            room = ffi.new("char[]", size)
            check(lib.shim_btf_bytes(fd, room, size), "read", f"BTF {number}")
        finally:
            os.close(fd)
        return cls(bytes(ffi.buffer(room)))

    def _parse(self, raw: bytes) -> None:
        if len(raw) < _HEADER.size or _HEADER.unpack_from(raw)[0] != _MAGIC:
            raise CodecError("type information: no BTF, or of another byte order")
        _, _, _, header, type_at, type_size, string_at, string_size = _HEADER.unpack_from(raw)
        self._strings = raw[header + string_at : header + string_at + string_size]
        at, end = header + type_at, header + type_at + type_size
        while at < end:
            name, info, target = _TYPE.unpack_from(raw, at)
            at += _TYPE.size
            kind = info >> 24 & 0x1F
            if kind > Kind.ENUM64:
                raise CodecError(f"type information: kind {kind} is newer than this package")
            layout, counted = _TAILS.get(kind, _NO_TAIL)
            tail = raw[at : at + layout.size * ((info & 0xFFFF) if counted else 1)]
            at += len(tail)
            records = tuple(layout.iter_unpack(tail)) if tail else ()
            number = len(self.types)
            text = self.string(name)
            self.types.append(BtfType(number, kind, text, target, bool(info >> 31), records))

    def string(self, offset: int) -> str:
        """Return the string at that offset of the string section."""
        end = self._strings.index(b"\0", offset)
        return self._strings[offset:end].decode(errors="replace")

    def source_files(self) -> list[str]:
        """Return the strings that look like names of C files."""
        strings = (text.decode(errors="replace") for text in self._strings.split(b"\0"))
        return [text for text in strings if text.endswith((".c", ".h"))]

    def resolve(self, number: int) -> BtfType:
        """Return the type behind typedefs and qualifiers."""
        found = self.types[number]
        while found.kind in _TRANSPARENT:
            found = self.types[found.target]
        return found

    def size_of(self, number: int) -> int:
        """Return the size of a type in bytes.

        :raises CodecError: if it has none, as functions and void
        """
        found = self.resolve(number)
        if found.kind == Kind.ARRAY:
            element, _, count = found.records[0]
            return count * self.size_of(element)
        if found.kind == Kind.PTR:
            return struct.calcsize("P")
        if found.kind not in _SIZED:
            raise CodecError(f"type {found.name!r}: a {kind_name(found.kind)} has no size")
        return found.target

    def find(self, name: str) -> BtfType:
        """Return a type by its C name, as ``"struct event"``, ``"enum verdict"`` or ``"__u32"``.

        :raises UnknownNameError: if there is none; an event's struct that only a reserve call uses
            is missing too: anchor it with an unused pointer in the C source
        """
        for found in self.types[1:]:
            if found.name and name == full_name(found):
                return found
        raise UnknownNameError("type information", "type", name, map(full_name, self.types))

    def members(self, of: BtfType) -> Iterator[Member]:
        """Return an iterator over the members of a struct or union."""
        for name, number, place in of.records:
            bits, offset = (place >> 24, place & 0xFFFFFF) if of.flag else (0, place)
            yield Member(self.string(name), number, offset, bits)

    def values(self, name: str) -> dict[str, int]:
        """Return the names and values of an enum, as ``"enum verdict"``.

        :raises UnknownNameError: if there is no such enum
        """
        found = self.find(name)
        if found.kind == Kind.ENUM64:
            wide = struct.Struct("=q" if found.flag else "=Q")
            return {
                self.string(name): wide.unpack(struct.pack("=Q", high << 32 | low))[0]
                for name, low, high in found.records
            }
        return {self.string(n): value for n, value in found.records}

    def variables(self, section: str) -> list[Variable]:
        """Return the variables of a data section, as ``".rodata"``; none if there is none."""
        for found in self.types:
            if found.kind == Kind.DATASEC and found.name == section:
                return [
                    Variable(self.types[number].name, self.types[number].target, offset, size)
                    for number, offset, size in found.records
                ]
        return []

    def codec(self, of: str | int) -> Codec[Any]:
        """Return the codec of a type, by its C name or its number.

        Structs become named tuples, arrays of ``__u8`` and ``char`` and all unions bytes, other
        arrays tuples; ``__be16``, ``__be32`` and ``__be64`` are in network order, all else in the
        machine's. Padding is written as zeros.

        :raises UnknownNameError: if there is no such type
        :raises CodecError: for types without a fixed meaning in bytes, and bit fields
        """
        from xdplb.bpf.layout import codec_of  # noqa: PLC0415 - layout.py needs this module

        number = self.find(of).number if isinstance(of, str) else of
        if number not in self._codecs:
            self._codecs[number] = codec_of(self, number)
        return self._codecs[number]


def kind_name(kind: int) -> str:
    """Return C's or linux/btf.h's word for a kind, as ``"func_proto"``."""
    return next(name.lower() for name, number in vars(Kind).items() if number == kind)


def full_name(of: BtfType) -> str:
    """Return the name that C knows a type by."""
    word = _WORDS.get(of.kind)
    return f"{word} {of.name}" if word else of.name
