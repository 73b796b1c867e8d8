# SPDX-License-Identifier: BSD-2-Clause
"""The model as C structs: what goes in comes out, and lies where it should."""

import socket
import struct
import sys
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xdplb._abi import ffi, lib
from xdplb.abi import (
    BACKEND,
    SERVICE,
    BackendRecord,
    ServiceRecord,
    filter_bit,
    index_places,
    number_of,
)
from xdplb.model import (
    Backend,
    HashOn,
    Mode,
    Protocol,
    Scheduler,
    Service,
    ServiceKey,
    State,
)

u16, u32 = st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF)


def is_mapped(address: IPv4Address | IPv6Address) -> bool:
    """Those are IPv4 here, and read so."""
    return isinstance(address, IPv6Address) and address.ipv4_mapped is not None


address = st.ip_addresses().filter(lambda found: not is_mapped(found))
mac = st.binary(min_size=6, max_size=6).filter(any)
name = st.text("abcdefghijklmnopqrstuvwxyz-._0123456789", max_size=23)
service = st.builds(
    Service,
    st.builds(ServiceKey, address, u16, st.sampled_from(Protocol)),
    st.just(()),
    name,
    st.sampled_from(Mode),
    st.sampled_from(Scheduler),
    st.sampled_from(HashOn),
)
backend = st.builds(Backend, address, u16, u16, name, st.none() | mac)


@given(st.builds(ServiceRecord, service, u32, u32, u32, address, st.booleans(), u32))
def test_service_comes_back_as_it_went(record: ServiceRecord) -> None:
    assert SERVICE.unpack(SERVICE.pack(record)) == record


@given(st.builds(BackendRecord, backend, u32, *[st.booleans()] * 3, u32))
def test_backend_comes_back_as_it_went(record: BackendRecord) -> None:
    assert BACKEND.unpack(memoryview(BACKEND.pack(record))) == record


def test_record_that_is_not_in_use_is_all_zero_and_reads_as_none() -> None:
    for codec in (SERVICE, BACKEND):
        assert codec.pack(None) == bytes(codec.size)
        assert codec.unpack(bytes(codec.size)) is None


def test_addresses_and_ports_lie_in_network_order() -> None:
    record = BackendRecord(Backend(IPv4Address("10.0.0.2"), 8080, mac=bytes(range(6))), 7)
    packed = BACKEND.pack(record)
    assert packed[:16] == socket.inet_pton(socket.AF_INET6, "::ffff:10.0.0.2")
    assert packed[16:22] == bytes(range(6))
    assert packed[22:24] == struct.pack("!H", 8080)


@pytest.mark.parametrize(
    ("group", "kind"),
    [("MODE", Mode), ("SCHEDULER", Scheduler), ("HASH_ON", HashOn)],
)
def test_words_of_the_model_are_those_of_the_header(
    group: str, kind: type[Mode | Scheduler | HashOn]
) -> None:
    names = {f"{group}_{member.name}" for member in kind}
    enums = {"MODE": "forwarding_mode", "SCHEDULER": "scheduler", "HASH_ON": "hash_input"}
    elements = ffi.typeof(f"enum {enums[group]}").elements
    assert names == set(elements.values())
    assert {number_of(group, member) for member in kind} == set(elements)


def test_protocols_have_the_numbers_of_the_socket_module() -> None:
    for version in (4, 6):
        assert Protocol.TCP.number(version) == socket.IPPROTO_TCP
        assert Protocol.UDP.number(version) == socket.IPPROTO_UDP
    assert Protocol.ICMP.number(4) == socket.IPPROTO_ICMP
    assert Protocol.ICMP.number(6) == socket.IPPROTO_ICMPV6


@pytest.mark.skipif(sys.byteorder == "big", reason="the words below are written little-endian")
@pytest.mark.parametrize(
    ("vip", "halves"),
    [
        ("10.0.0.10", (0, 0x0A00000A_FFFF0000)),
        ("2001:db8::1", (0xB80D0120, 0x0100000000000000)),
    ],
)
def test_places_in_the_index_are_those_the_program_looks_at(
    vip: str, halves: tuple[int, int]
) -> None:
    """The formulas of bpf/service.h, by hand for port 80/tcp in 512 places."""
    one, two = 0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F
    address = ((halves[0] ^ one) * two + (halves[1] ^ two) * one) % 2**64
    address ^= address >> 32
    mixed = (address ^ (6 << 16 | 0x5000)) * one % 2**64
    key = ServiceKey(ip_address(vip), 80, Protocol.TCP)
    assert index_places(key, 512) == ((mixed >> 48) % 512, (mixed >> 32) % 512)
    assert filter_bit(key.vip) == (address >> 58, (address >> 52) % 64)


@pytest.mark.parametrize("network", ["10.0.0.0", "2001:db8::"])
def test_neighbours_do_not_share_their_places_in_the_index(network: str) -> None:
    """Services on the addresses of one network would else find no room for the 18th of them."""
    vips = [ip_address(network) + number for number in range(256)]
    places = {index_places(ServiceKey(vip, 80, Protocol.TCP), 4096) for vip in vips}
    assert len(places) == 256
    assert min(len({pair[i] for pair in places}) for i in (0, 1)) > 200


@pytest.mark.parametrize(
    ("record", "state", "eligible"),
    [
        (BackendRecord(Backend(IPv4Address("10.0.0.2"), mac=b"\2" * 6), 0), State.UP, True),
        (BackendRecord(Backend(IPv4Address("10.0.0.2")), 0), State.UNRESOLVED, True),
        (
            BackendRecord(Backend(IPv4Address("10.0.0.2"), mac=b"\2" * 6), 0, up=False),
            State.DOWN,
            False,
        ),
        (
            BackendRecord(Backend(IPv4Address("10.0.0.2"), mac=b"\2" * 6), 0, draining=True),
            State.DRAIN,
            False,
        ),
        (BackendRecord(Backend(IPv4Address("10.0.0.2"), 0, 0, "", b"\2" * 6), 0), State.UP, False),
    ],
)
def test_state_tells_what_a_backend_may_be_given(
    record: BackendRecord, state: State, eligible: bool
) -> None:
    assert (record.state, record.is_eligible) == (state, eligible)


def test_flags_are_those_of_the_header() -> None:
    packed = BACKEND.pack(BackendRecord(Backend(IPv4Address("10.0.0.2")), 0, static_mac=True))
    struct_: Any = ffi.from_buffer("struct backend *", packed)
    assert struct_.flags == lib.BACKEND_PRESENT | lib.BACKEND_UP | lib.BACKEND_STATIC_MAC
