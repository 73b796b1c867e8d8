# SPDX-License-Identifier: BSD-2-Clause
"""Codecs out of BTF, and codecs written by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xdplb.bpf import (
    BE16,
    BE32,
    BE64,
    S32,
    U8,
    U16,
    U64,
    BpfObject,
    Btf,
    CodecError,
    Fields,
    Integer,
    OpenedObject,
    Raw,
    UnknownNameError,
)

MIXED = {
    "first": 1,
    "port": 80,
    "hosts": (0x0A000001, 0x0A000002),
    "wide": 1 << 40,
    "yes": True,
    "text": b"abc",
    "color": 7,
    "sign": -1,
    "inner": {"low": -2, "pair": b"xy"},
    "several": ((-1, b"ab"), (1, b"cd")),
    "v4_or_v6": bytes(range(16)),
    "anonymous_one": 5,
    "anonymous_two": 6,
    "from": 9,
    "numbers": (-1, 0, 1),
    "_last": 255,
}


@pytest.fixture
def types(compiled: Callable[[str], Path]) -> Iterator[OpenedObject]:
    with BpfObject.open(compiled("types")) as opened:
        yield opened


@pytest.fixture
def btf(types: OpenedObject) -> Btf:
    return types.btf


def test_struct_goes_there_and_back(btf: Btf) -> None:
    codec = btf.codec("struct mixed")
    value = codec.unpack(codec.pack(MIXED))
    assert value.hosts == MIXED["hosts"]
    assert (value.text, value.color, value.sign) == (b"abc\0\0", 7, -1)
    assert value.inner == (-2, b"xy")
    assert value.several == MIXED["several"]
    assert value.v4_or_v6 == bytes(range(16))
    assert codec.unpack(codec.pack(value)) == value


def test_names_that_python_does_not_take_are_bent(btf: Btf) -> None:
    value = btf.codec("struct mixed").unpack(btf.codec("struct mixed").pack(MIXED))
    assert (value.from_, value.last) == (9, 255)
    assert (value.anonymous_one, value.anonymous_two) == (5, 6)


def test_network_order_is_told_by_the_typedef(btf: Btf) -> None:
    packed = btf.codec("struct mixed").pack({"port": 0x1234, "hosts": (1, 2), "wide": 1})
    assert packed[2:4] == b"\x12\x34"
    assert packed[4:12] == b"\0\0\0\1\0\0\0\2"


def test_padding_is_written_as_zeros_and_left_out_members_too(btf: Btf) -> None:
    codec = btf.codec("struct mixed")
    assert codec.pack({}) == bytes(codec.size)
    assert codec.size == btf.size_of(btf.find("struct mixed").number)


def test_layout_is_that_of_the_compiler(types: OpenedObject) -> None:
    # The kernel's verifier and clang agree on these; the object's own sizes are the oracle.
    for name, variable in {v.name: v for v in types.btf.variables(".rodata")}.items():
        if name != "bits":
            assert types.btf.codec(variable.type).size == variable.size, name


def test_plain_types(types: OpenedObject) -> None:
    assert types.constants["negative"] == -5
    assert types.constants["table"] == ((1, 2, 3), (4, 5, 6))
    assert types.constants["huge"] == -1
    assert types.constants["name"] == b"unset" + bytes(11)
    assert types.constants["key"] == bytes(4)
    types.set_constant("service_port", 443)
    assert types.constants.raw("service_port").tobytes() == b"\x01\xbb"
    types.set_constant("table", [[9, 9, 9], [8, 8, 8]])
    assert types.constants["table"] == ((9, 9, 9), (8, 8, 8))
    types.set_constant("huge", -(1 << 127))
    assert types.constants["huge"] == -(1 << 127)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"several": [(1, b"ab")]}, "struct mixed.several: 1 elements where 2 belong"),
        ({"inner": {"low": 1 << 15}}, "struct mixed.inner.low: 32768 is not .* to 32767"),
        ({"text": b"123456"}, "struct mixed.text: 6 bytes where 5 belong"),
        ({"numbers": (1, 2, 300)}, r"struct mixed.numbers\[\]: 300 is not"),
        ({"v4_or_v6": b"1234"}, "4 bytes where 16 belong"),
        ({"hosts": (1, -2)}, "-2 is not a whole number from 0 to 4294967295"),
        ({"wide": "x"}, "does not fit"),
        (5, "does not fit"),
    ],
)
def test_value_that_does_not_fit_names_the_member(btf: Btf, value: object, message: str) -> None:
    with pytest.raises(CodecError, match=message):
        btf.codec("struct mixed").pack(value)


def test_bit_fields_are_refused_rather_than_guessed(btf: Btf) -> None:
    with pytest.raises(CodecError, match=r"struct bits.three: bit fields have no codec"):
        btf.codec("struct bits")


def test_many_values_unpack_as_each_one_does(btf: Btf) -> None:
    for name in ("struct mixed", "struct plain", "struct inner"):
        codec = btf.codec(name)
        data = bytes(range(codec.size)) * 3
        many = list(codec.unpack_many(data))  # type: ignore[attr-defined]
        assert many == [codec.unpack(data)] * 3


def test_enum_gives_names_and_values(btf: Btf) -> None:
    assert btf.values("enum color") == {"COLOR_RED": 0, "COLOR_BLUE": 7}
    assert btf.values("enum signed_one") == {"MINUS": -1, "PLUS": 1}


def test_unknown_type_is_refused_with_the_near_miss(btf: Btf) -> None:
    with pytest.raises(UnknownNameError, match="no type 'struct mixd'; did you mean 'struct mixed"):
        btf.codec("struct mixd")


def test_bytes_that_are_no_btf_are_refused() -> None:
    with pytest.raises(CodecError, match="no BTF"):
        Btf(b"not type information")
    assert len(Btf(b"").types) == 1


@pytest.mark.parametrize("codec", [U8, U16, U64, S32, BE16, BE32, BE64])
def test_number_takes_its_range_and_no_more(codec: Integer) -> None:
    low, high = codec.bounds
    for value in (low, high):
        assert codec.unpack(codec.pack(value)) == value
    for value in (low - 1, high + 1):
        with pytest.raises(CodecError, match=f"{value} is not a whole number"):
            codec.pack(value)


def test_network_order_numbers() -> None:
    assert BE16.pack(0x1234) == b"\x12\x34"
    assert BE32.unpack(b"\x0a\0\0\1") == 0x0A000001


def test_bytes_have_to_have_their_size() -> None:
    with pytest.raises(CodecError, match="3 bytes where 4 belong"):
        Raw(4).pack(b"abc")
    assert list(Raw(2).unpack_many(b"abcd")) == [b"ab", b"cd"]


def test_fields_say_what_did_not_fit() -> None:
    with pytest.raises(CodecError, match="does not fit '=IH'"):
        Fields("=IH").pack((1, 70000))


@given(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=20))
def test_numbers_unpack_side_by_side(numbers: list[int]) -> None:
    codec = Integer("I")
    data = b"".join(codec.pack(number) for number in numbers)
    assert list(codec.unpack_many(data)) == numbers
