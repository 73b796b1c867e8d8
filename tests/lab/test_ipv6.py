# SPDX-License-Identifier: BSD-2-Clause
"""IPv6 in mode nat: the VIP that is not named, MACs that are not named, and traffic."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest
from lab.attachment import Attachment, attached
from lab.families import (
    MEGABYTE,
    Family,
    arrives_intact,
    echoes,
    names_of_answers,
    seen_client,
)
from lab.stand import Lab
from lab.wire import KeptConnection, udp_socket_in

IPV6 = Family("2001:db8::10", "2001:db8::1", ("2001:db8::2", "2001:db8::3"))


@pytest.fixture(scope="module")
def balancer(dual_stack: Lab) -> Iterator[Attachment]:
    """Give out what a newcomer attaches: any port of the interface's own address."""
    with attached(dual_stack, *IPV6.backends) as attachment:
        yield attachment


def test_vip_is_the_interfaces_global_address_where_none_is_named(balancer: Attachment) -> None:
    services = balancer.status()["services"]
    assert {(one["vip"], one["protocol"]) for one in services} == {
        (IPV6.vip, "tcp"),
        (IPV6.vip, "udp"),
    }


def test_requests_are_spread_over_both_backends(balancer: Attachment) -> None:
    names = names_of_answers(balancer.lab, IPV6, 100)
    assert len(names) == 100
    assert min(names.count("h2"), names.count("h3")) >= 20
    assert balancer.drops() == {}


def test_backend_sees_the_balancers_address(balancer: Attachment) -> None:
    assert seen_client(balancer.lab, IPV6) == f"[{IPV6.vip}]"


def test_20_megabytes_are_downloaded_intact(balancer: Attachment) -> None:
    assert arrives_intact(balancer.lab, IPV6, 20 * MEGABYTE)
    assert balancer.drops() == {}


def test_upload_is_intact(balancer: Attachment) -> None:
    payload = bytes(range(251)) * 20_000
    with KeptConnection(balancer.lab, vip=IPV6.vip) as connection:
        assert connection.digest(payload) == hashlib.sha256(payload).hexdigest()


def test_datagrams_of_every_length_are_echoed(balancer: Attachment) -> None:
    largest = 1500 - 40 - 8 - len("h2 ")
    payloads = [bytes(size) for size in (0, 1, 2, 3, 64, 1023, largest - 1, largest)] * 3
    answers = echoes(balancer.lab, IPV6, payloads)
    assert [payload for _, payload in answers] == payloads
    assert {host for host, _ in answers} == {"h2", "h3"}


def test_host_of_the_balancer_goes_on_with_its_own_ipv6(balancer: Attachment) -> None:
    lab = balancer.lab
    assert lab.get("lb", "http://[2001:db8::2]/name") == "h2\n"
    with udp_socket_in(lab, "lb", family=IPV6.family) as asker:
        asker.sendto(b"mine", ("2001:db8::3", 7))
        assert asker.recv(100) == b"h3 mine"
    told = lab.run("lb", "ping", "-n", "-c", "3", "-i", "0.01", "-W", "5", IPV6.client)
    assert " 0% packet loss" in told.checked()
