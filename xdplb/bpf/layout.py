# SPDX-License-Identifier: BSD-2-Clause
"""Codecs out of BTF: a C type becomes one format of the struct module and a tuple class."""

from __future__ import annotations

import struct
from collections import namedtuple
from collections.abc import Callable, Iterator, Mapping
from keyword import iskeyword

from xdplb.bpf.btf import Btf, BtfType, Kind, full_name
from xdplb.bpf.codec import Integer, Raw
from xdplb.bpf.errors import CodecError, UnknownNameError
from xdplb.bpf.parts import Part, big_endian, bytes_part, is_big_endian, scalar
from xdplb.bpf.typehints import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xdplb.bpf.codec import Buffer, Codec
    from xdplb.bpf.parts import Items

_BITS = 8  # of a byte


class LayoutCodec:
    """The codec of a C type that is more than one number."""

    def __init__(self, name: str, part: Part, make: Callable[[Any], Any] | None = None) -> None:
        self.name = name
        self.size = part.size
        self._part = part
        self._struct = struct.Struct("=" + part.layout)
        self._make = make
        letters = set(part.layout)
        one = letters.pop() if len(letters) == 1 else ""
        self.word = one if make and one in "bBhHiIqQ" and one else None

    def pack(self, value: Any) -> bytes:
        items: list[Any] = []
        try:
            self._part.encode(value, items)
            return self._struct.pack(*items)
        except (struct.error, TypeError) as error:
            raise CodecError(f"{self.name}: {value!r} does not fit: {error}") from None

    def unpack(self, data: Buffer) -> Any:
        items = self._struct.unpack_from(data)
        if self._make:
            return self._make(items)
        return items[0] if self._part.decode is None else self._part.decode(items, 0)

    def unpack_many(self, data: Buffer) -> Iterator[Any]:
        """Return an iterator over the values that stand one behind the other in *data*."""
        rows = self._struct.iter_unpack(data)
        if self._make:
            return map(self._make, rows)
        decode = self._part.decode
        return (row[0] if decode is None else decode(row, 0) for row in rows)

    def from_words(self, columns: list[list[int]]) -> Iterator[Any]:
        """Return an iterator over values whose fields were read as words, a column each."""
        return map(self._make or tuple, zip(*columns, strict=True))

    def __repr__(self) -> str:
        return f"<codec of {self.name}, {self.size} bytes>"


def codec_of(btf: Btf, number: int) -> Codec[Any]:
    """Return the codec of the type *number*.

    :raises CodecError: if it has none
    """
    found = btf.resolve(number)
    name = full_name(found) or "anonymous type"
    part = _part(btf, number, name)
    if found.kind == Kind.STRUCT:
        make = getattr(part.decode, "make", None)
        return LayoutCodec(name, part, make)
    letter = part.layout
    if part.decode is None and letter in "bBhHiIqQ":
        return Integer(letter)
    if found.kind == Kind.UNION or (part.decode is None and letter.endswith("s")):
        return Raw(part.size)
    return LayoutCodec(name, part)


def _part(btf: Btf, number: int, label: str) -> Part:
    if is_big_endian(btf, number):
        return big_endian(btf.resolve(number).target, label)
    found = btf.resolve(number)
    if found.kind == Kind.STRUCT:
        return _struct(btf, found, label)
    if found.kind == Kind.ARRAY:
        return _array(btf, found, label)
    if found.kind == Kind.UNION:
        return bytes_part(found.target, label)
    return scalar(found, label)


def _array(btf: Btf, found: BtfType, label: str) -> Part:
    element, _, count = found.records[0]
    resolved = btf.resolve(element)
    if resolved.kind == Kind.INT and resolved.target == 1 and not _is_bool(resolved):
        text = resolved.name == "char"
        if text or not resolved.records[0][0] >> 24:
            return bytes_part(count, label, text=text)
    part = _part(btf, element, f"{label}[]")
    width, decode_one = part.width, part.decode

    def decode(items: Items, at: int) -> tuple[Any, ...]:
        if decode_one is None:
            return tuple(items[at : at + count])
        return tuple(decode_one(items, at + index * width) for index in range(count))

    def encode(value: Any, out: list[Any]) -> None:
        if len(value) != count:
            raise CodecError(f"{label}: {len(value)} elements where {count} belong")
        for element_value in value:
            part.encode(element_value, out)

    layout = f"{count}{part.layout}" if len(part.layout) == 1 else part.layout * count
    return Part(layout, width * count, part.size * count, decode, encode)


def _is_bool(found: BtfType) -> bool:
    return found.name in ("_Bool", "bool")


def _struct(btf: Btf, found: BtfType, label: str) -> Part:
    members = list(_members(btf, found, label, 0))
    layout, at = "", 0
    for name, part, offset in members:
        if offset < at:
            raise CodecError(f"{label}.{name}: overlaps what is before it")
        layout += _padding(offset - at) + part.layout
        at = offset + part.size
    layout += _padding(found.target - at)
    make = _tuple_class(found.name, [name for name, _, _ in members])._make
    width = sum(part.width for _, part, _ in members)
    decode = _struct_decoder(make, [part for _, part, _ in members], width)
    encode = _struct_encoder(label, [(name, part) for name, part, _ in members])
    return Part(layout, width, found.target, decode, encode)


def _padding(size: int) -> str:
    return "x" if size == 1 else f"{size}x" if size else ""


def _members(btf: Btf, of: BtfType, label: str, base: int) -> Iterator[tuple[str, Part, int]]:
    """Return an iterator over name, part and offset in bytes; unnamed structs are looked into."""
    for member in btf.members(of):
        offset = base + member.bit_offset // _BITS
        inner = btf.resolve(member.type)
        if member.bits or member.bit_offset % _BITS:
            raise CodecError(f"{label}.{member.name}: bit fields have no codec")
        if member.name:
            yield member.name, _part(btf, member.type, f"{label}.{member.name}"), offset
        elif inner.kind == Kind.STRUCT:
            yield from _members(btf, inner, label, offset)
        else:
            # C has no name for it either; its members' names say what it can be.
            name = "_or_".join(other.name or "unnamed" for other in btf.members(inner))
            yield name, bytes_part(inner.target, f"{label}.{name}"), offset


def _tuple_class(name: str, fields: list[str]) -> Any:
    """Return a named tuple class; C names that Python does not take lose or gain an underscore."""
    usable = [field.lstrip("_") or field for field in fields]
    usable = [f"{field}_" if iskeyword(field) else field for field in usable]
    return namedtuple(name or "anonymous", usable, rename=True)


def _struct_decoder(
    make: Callable[[Any], Any], parts: list[Part], width: int
) -> Callable[[Items, int], Any]:
    if all(part.decode is None for part in parts):

        def decode_plain(items: Items, at: int) -> Any:
            return make(items[at : at + width])

        decode_plain.make = make  # type: ignore[attr-defined]  # the whole tuple at once will do
        return decode_plain
    steps = []
    place = 0
    for part in parts:
        steps.append((part.decode, place))
        place += part.width

    def decode(items: Items, at: int) -> Any:
        return make([items[at + n] if one is None else one(items, at + n) for one, n in steps])

    return decode


def _struct_encoder(
    label: str, members: list[tuple[str, Part]]
) -> Callable[[Any, list[Any]], None]:
    known = {name for name, _ in members}

    def encode(value: Any, out: list[Any]) -> None:
        if isinstance(value, Mapping):
            for name in value:
                if name not in known:
                    raise UnknownNameError(label, "member", str(name), known)
            value = [value.get(name, _ZERO) for name, _ in members]
        if len(value) != len(members):
            raise CodecError(f"{label}: {len(value)} values for {len(members)} members")
        for (_, part), one in zip(members, value, strict=True):
            if one is _ZERO:
                encode_zero(part, out)
            else:
                part.encode(one, out)

    return encode


_ZERO = object()  # a member that a mapping leaves out


def encode_zero(part: Part, out: list[Any]) -> None:
    """Append what zero bytes of that part unpack to."""
    out.extend(struct.unpack("=" + part.layout, bytes(struct.calcsize("=" + part.layout))))
