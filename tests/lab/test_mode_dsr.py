# SPDX-License-Identifier: BSD-2-Clause
"""Mode dsr: the backend gets the packet as the client sent it, and answers the client itself."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest
from lab.attachment import Attachment, attached
from lab.families import (
    MEGABYTE,
    Family,
    arrives_intact,
    counted_bytes,
    echoes,
    names_of_answers,
    seen_client,
)
from lab.returning import IPV4, IPV6
from lab.stand import Lab
from lab.wire import KeptConnection, udp_socket_in

FAMILIES = pytest.mark.parametrize("family", [IPV4, IPV6], ids=str)


@pytest.fixture(scope="module")
def balancer(direct_return: Lab) -> Iterator[Attachment]:
    """Give out a balancer in mode dsr, two backends a service, both families."""
    ports = ("--port", "80", "--port", "7/udp", "--mode", "dsr")
    with attached(direct_return, *IPV4.backends[:2], "--vip", IPV4.vip, *ports) as attachment:
        for port in ("80/tcp", "7/udp"):
            service = f"{IPV6.host}:{port}"
            attachment.xdplb("service", "add", service, *IPV6.backends[:2], "--mode", "dsr")
        yield attachment


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
def test_download_is_intact_and_none_of_it_passes_the_balancer(
    balancer: Attachment, family: Family
) -> None:
    before = counted_bytes(balancer)
    assert arrives_intact(balancer.lab, family, 20 * MEGABYTE)
    # The client's acknowledgements do pass.
    assert 0 < counted_bytes(balancer) - before < 2 * MEGABYTE
    assert {"tx_dsr"} <= balancer.verdicts().keys()
    assert "tx_reply" not in balancer.verdicts()
    assert balancer.drops() == {}


@FAMILIES
def test_upload_is_intact(balancer: Attachment, family: Family) -> None:
    payload = bytes(range(251)) * 20_000
    with KeptConnection(balancer.lab, vip=family.vip) as connection:
        assert connection.digest(payload) == hashlib.sha256(payload).hexdigest()


@FAMILIES
def test_datagrams_are_echoed_by_both_backends(balancer: Attachment, family: Family) -> None:
    payloads = [b"%d" % number * (number + 1) for number in range(40)]
    answers = echoes(balancer.lab, family, payloads)
    assert {host for host, _ in answers} == {"h2", "h3"}
    assert [payload for _, payload in answers] == payloads


@FAMILIES
def test_datagrams_of_one_socket_all_go_to_one_backend(
    balancer: Attachment, family: Family
) -> None:
    with udp_socket_in(balancer.lab, "client", family=family.family) as asker:
        asker.connect((family.vip, 7))
        hosts = set()
        for number in range(30):
            asker.send(b"%d" % number)
            host, _, payload = asker.recv(100).partition(b" ")
            assert payload == b"%d" % number
            hosts.add(host)
    assert len(hosts) == 1


def test_no_connection_is_remembered_while_no_backend_changes(balancer: Attachment) -> None:
    names_of_answers(balancer.lab, IPV4, 20)
    assert balancer.xdplb("connections", "count").split()[0] == "0"


@FAMILIES
def test_datagram_to_a_port_without_a_service_is_left_to_the_host(
    balancer: Attachment, family: Family
) -> None:
    before = balancer.verdicts().get("pass_no_service", 0)
    with udp_socket_in(balancer.lab, "client", family=family.family) as sender:
        sender.sendto(b"for nobody", (family.vip, 9))
    # Once a later one is back, the earlier one was counted.
    echoes(balancer.lab, family, [b"later"])
    assert balancer.verdicts()["pass_no_service"] > before
