# SPDX-License-Identifier: BSD-2-Clause
"""Mode dnat: the balancer is the backends' gateway, and clients keep their addresses."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

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

IPV4 = Family("10.0.0.10", "10.0.0.1", ("10.1.0.2", "10.1.0.3"))
IPV6 = Family("2001:db8::10", "2001:db8::1", ("2001:db8:1::2", "2001:db8:1::3"))
FAMILIES = pytest.mark.parametrize("family", [IPV4, IPV6], ids=str)
PORTS = ("80/tcp", "7/udp", "9000/udp")


@pytest.fixture(scope="module")
def balancer(gateway: Lab) -> Iterator[Attachment]:
    """Give out a balancer in mode dnat, two backends a service, both families."""
    with attached(gateway) as attachment:
        for family in (IPV4, IPV6):
            for port in PORTS:
                service = f"{family.host}:{port}"
                attachment.xdplb("service", "add", service, *family.backends, "--mode", "dnat")
        yield attachment


@contextmanager
def speakers(lab: Lab, family: Family) -> Iterator[dict[str, socket.socket]]:
    """Give out a socket of each backend at the port of a service, and one of the client."""
    with ExitStack() as stack:
        yield {
            host: stack.enter_context(udp_socket_in(lab, host, port, family.family))
            for host, port in (("client", 0), ("h2", 9000), ("h3", 9000))
        }


def bound(one: socket.socket, family: Family) -> tuple[str, int]:
    """Bind the client's socket to a port that is free; return where others reach it."""
    one.bind((family.client, 0))
    address, port = one.getsockname()[:2]
    return address, port


@FAMILIES
def test_requests_are_spread_over_both_backends(balancer: Attachment, family: Family) -> None:
    names = names_of_answers(balancer.lab, family, 100)
    assert len(names) == 100
    assert min(names.count("h2"), names.count("h3")) >= 20
    assert balancer.drops() == {}


@FAMILIES
def test_backend_sees_the_clients_own_address(balancer: Attachment, family: Family) -> None:
    assert seen_client(balancer.lab, family) == family.peer


@FAMILIES
def test_large_bodies_arrive_intact_both_ways(balancer: Attachment, family: Family) -> None:
    assert arrives_intact(balancer.lab, family, 20 * MEGABYTE)
    payload = bytes(range(251)) * 20_000
    with KeptConnection(balancer.lab, vip=family.vip) as connection:
        assert connection.digest(payload) == hashlib.sha256(payload).hexdigest()
    assert balancer.drops() == {}


@FAMILIES
def test_datagrams_are_echoed_by_both_backends(balancer: Attachment, family: Family) -> None:
    payloads = [b"%d" % number * (number + 1) for number in range(40)]
    answers = echoes(balancer.lab, family, payloads)
    assert {host for host, _ in answers} == {"h2", "h3"}
    assert [payload for _, payload in answers] == payloads


@FAMILIES
@pytest.mark.parametrize("first", ["h2", "h3"])
def test_datagram_of_a_backend_that_speaks_first_comes_from_the_vip(
    balancer: Attachment, family: Family, first: str
) -> None:
    with speakers(balancer.lab, family) as sockets:
        client, backend = sockets["client"], sockets[first]
        there = bound(client, family)
        backend.sendto(b"first", there)
        told, sender = client.recvfrom(100)
        assert (told, sender[:2]) == (b"first", (family.vip, 9000))
        client.sendto(b"answer", sender[:2])
        told, sender = backend.recvfrom(100)
        assert (told, sender[:2]) == (b"answer", there)


@FAMILIES
def test_datagram_of_another_backend_than_the_clients_is_dropped_and_counted(
    balancer: Attachment, family: Family
) -> None:
    before = balancer.verdicts().get("drop_other_backend", 0)
    with speakers(balancer.lab, family) as sockets:
        client = sockets["client"]
        there = bound(client, family)
        for host in ("h2", "h3", "h3", "h2"):
            sockets[host].sendto(f"from {host}".encode(), there)
        assert [client.recv(100) for _ in range(2)] == [b"from h2"] * 2
    assert balancer.verdicts()["drop_other_backend"] == before + 2


@FAMILIES
def test_backend_of_its_own_accord_reaches_a_client_as_through_any_router(
    balancer: Attachment, family: Family
) -> None:
    """Only what leaves a service's port is a service's."""
    lab = balancer.lab
    told = lab.run("h2", "ping", "-n", "-q", "-c", "3", "-i", "0.01", "-W", "5", family.client)
    assert " 0% packet loss" in told.checked()
    with (
        udp_socket_in(lab, "client", family=family.family) as client,
        udp_socket_in(lab, "h3", 4444, family.family) as backend,
    ):
        backend.sendto(b"my own", bound(client, family))
        told_of, sender = client.recvfrom(100)
    assert (told_of, sender[:2]) == (b"my own", (family.backends[1], 4444))
