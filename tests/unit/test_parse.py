# SPDX-License-Identifier: BSD-2-Clause
"""Words of the command line become values, and wrong ones say what is wrong."""

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xdplb.errors import UnsupportedError, UsageError
from xdplb.model import Address, Backend, Mode, Protocol, Scheduler, ServiceKey
from xdplb.parse import (
    parse_backend,
    parse_backends,
    parse_choice,
    parse_port_protocol,
    parse_service_key,
)

HOST = IPv4Address("10.0.0.2")
MAC = bytes.fromhex("020000000002")


@pytest.mark.parametrize(
    ("word", "backend"),
    [
        ("10.0.0.2", Backend(HOST)),
        ("10.0.0.2:8080", Backend(HOST, 8080)),
        ("10.0.0.2:65535", Backend(HOST, 65535)),
        ("10.0.0.2@02:00:00:00:00:02", Backend(HOST, mac=MAC)),
        ("10.0.0.2:80@02-00-00-00-00-02,weight=3", Backend(HOST, 80, 3, mac=MAC)),
        ("10.0.0.2,name=web-1,weight=0", Backend(HOST, 0, 0, "web-1")),
        ("02:00:00:00:00:02/10.0.0.2", Backend(HOST, mac=MAC)),
        ("2:0:0:0:0:2/10.0.0.2:80,weight=2", Backend(HOST, 80, 2, mac=MAC)),
    ],
)
def test_every_form_of_a_backend_is_read(word: str, backend: Backend) -> None:
    assert parse_backend(word) == backend


def test_mac_as_a_word_of_its_own_belongs_to_the_backend_before_it() -> None:
    words = ["10.0.0.2", "02:00:00:00:00:02", "10.0.0.3"]
    assert parse_backends(words) == (Backend(HOST, mac=MAC), Backend(IPv4Address("10.0.0.3")))


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("10.0.0", "10.0.0: is not an address"),
        ("10.0.0.300:80", "10.0.0.300: is not an address"),
        ("web", "web: is not an address"),
        ("0.0.0.0", "not the address of one host"),
        ("224.0.0.1", "not the address of one host"),
        ("255.255.255.255", "not the address of one host"),
        ("127.0.0.1", "127.0.0.1: never leaves its host"),
        ("10.0.0.2:0", "0: is not a port; write a number from 1 to 65535"),
        ("10.0.0.2:70000", "70000: is not a port"),
        ("10.0.0.2:", "port: is not a port"),
        ("10.0.0.2:+80", "+80: is not a port"),
        ("10.0.0.2:٨", "is not a port"),
        ("10.0.0.2@02:00:00:00:00", "02:00:00:00:00: is not a MAC"),
        ("10.0.0.2@", "is not a MAC"),
        ("10.0.0.2@ff:ff:ff:ff:ff:ff", "not the MAC of one host"),
        ("10.0.0.2@00:00:00:00:00:00", "not the MAC of one host"),
        ("10.0.0.2,weight=-1", "-1: is not a weight; write a number from 0 to 65535"),
        ("10.0.0.2,weight=65536", "65536: is not a weight"),
        ("10.0.0.2,wieght=1", "'wieght=1' is no option"),
        ("10.0.0.2,weight=1,weight=2", "'weight=2' is no option"),
        ("10.0.0.2,name=", "is not a name for a backend"),
        ("10.0.0.2,name=" + "x" * 24, "has 24 characters; a backend name has 23 at most"),
    ],
)
def test_wrong_backend_says_which_part_is_wrong(word: str, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_backend(word)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    "words",
    [
        ["02:00:00:00:00:02"],
        ["10.0.0.2", "02:00:00:00:00:02", "02:00:00:00:00:03"],
        ["10.0.0.2@02:00:00:00:00:02", "02:00:00:00:00:03"],
    ],
)
def test_mac_without_a_backend_to_belong_to_is_refused(words: list[str]) -> None:
    with pytest.raises(UsageError, match="is a MAC without its backend"):
        parse_backends(words)


@pytest.mark.parametrize(
    "words", [["10.0.0.2", "10.0.0.2"], ["10.0.0.2:80,name=a", "10.0.0.3:80,name=a"]]
)
def test_backend_that_comes_twice_is_refused(words: list[str]) -> None:
    with pytest.raises(UsageError, match="named twice"):
        parse_backends(words)


def test_one_host_with_two_ports_is_two_backends() -> None:
    assert len(parse_backends(["10.0.0.2:80", "10.0.0.2:81"])) == 2


@pytest.mark.parametrize(
    ("word", "key"),
    [
        ("10.0.0.10:80/tcp", ServiceKey(IPv4Address("10.0.0.10"), 80, Protocol.TCP)),
        ("10.0.0.10:53/UDP", ServiceKey(IPv4Address("10.0.0.10"), 53, Protocol.UDP)),
        ("10.0.0.10:any/udp", ServiceKey(IPv4Address("10.0.0.10"), 0, Protocol.UDP)),
        ("10.0.0.10:80", ServiceKey(IPv4Address("10.0.0.10"), 80, Protocol.TCP)),
        ("[2001:db8::1]:443/udp", ServiceKey(IPv6Address("2001:db8::1"), 443, Protocol.UDP)),
        ("10.0.0.10:any/icmp", ServiceKey(IPv4Address("10.0.0.10"), 0, Protocol.ICMP)),
    ],
)
def test_service_is_read(word: str, key: ServiceKey) -> None:
    assert parse_service_key(word) == key


@given(
    st.ip_addresses(v=4, network="10.0.0.0/8") | st.ip_addresses(v=6, network="2001:db8::/32"),
    st.integers(0, 65535),
    st.sampled_from(Protocol),
)
def test_service_is_written_as_it_is_read(vip: Address, port: int, protocol: Protocol) -> None:
    key = ServiceKey(vip, port, protocol)
    if not vip.is_unspecified:
        assert parse_service_key(str(key)) == key


@pytest.mark.parametrize("word", ["10.0.0.10", "web", ":80/tcp", "10.0.0.10:80/sctp"])
def test_wrong_service_is_refused(word: str) -> None:
    with pytest.raises(UsageError):
        parse_service_key(word)


def test_what_is_not_built_yet_is_told_from_what_is_wrong() -> None:
    word = "least-connections"
    with pytest.raises(UnsupportedError, match=f"{word}: .* not supported yet; use one of: "):
        parse_choice(word, Scheduler, "scheduler")
    with pytest.raises(UsageError, match="tunnel: is not a forwarding mode; use one of: nat") as e:
        parse_choice("tunnel", Mode, "forwarding mode")
    assert not isinstance(e.value, UnsupportedError)


@pytest.mark.parametrize(
    ("word", "place"),
    [
        ("2001:db8::2", ("2001:db8::2", 0)),
        ("[2001:db8::2]", ("2001:db8::2", 0)),
        ("[2001:db8::2]:8080", ("2001:db8::2", 8080)),
    ],
)
def test_ipv6_backend_is_read(word: str, place: tuple[str, int]) -> None:
    backend = parse_backend(f"{word}@02:00:00:00:00:02,weight=3")
    assert (str(backend.address), backend.port) == place
    assert (backend.mac, backend.weight) == (bytes.fromhex("020000000002"), 3)


@pytest.mark.parametrize(
    "word", ["[2001:db8::2", "[2001:db8::2]80", "[2001:db8::2]:", "::", "10.0.0.2:"]
)
def test_ipv6_that_is_written_wrong_is_refused(word: str) -> None:
    with pytest.raises(UsageError):
        parse_backend(word)


def test_port_without_protocol_is_tcp() -> None:
    assert parse_port_protocol("80") == (80, Protocol.TCP)
    assert parse_port_protocol("any/udp") == (0, Protocol.UDP)
    assert parse_port_protocol("any/icmp") == (0, Protocol.ICMP)
