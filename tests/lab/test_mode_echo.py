# SPDX-License-Identifier: BSD-2-Clause
"""Echo requests as a service: backends answer the pings of the VIP."""

from __future__ import annotations

import pytest
from lab.attachment import Attach, Attachment
from lab.families import Family
from lab.returning import IPV4, IPV6, TUNNELS, Decapsulators, Tunnel
from lab.stand import Lab

COUNT = 20
PING = ("ping", "-n", "-c", str(COUNT), "-i", "0.002", "-W", "5")
OWN4 = Family("10.0.0.10", "10.0.0.1", ("10.0.0.2", "10.0.0.3"))
OWN6 = Family("2001:db8::10", "2001:db8::1", ("2001:db8::2", "2001:db8::3"))


def add_echo(attachment: Attachment, family: Family, *words: str) -> None:
    """Have the VIP's echo requests answered by the first two backends."""
    service = f"{family.host}:any/icmp"
    attachment.xdplb("service", "add", service, *family.backends[:2], *words)


def packets_of(attachment: Attachment) -> list[int]:
    """Return how many packets each backend had, both ways."""
    (service,) = attachment.status()["services"]
    assert service["protocol"] == "icmp"
    return [backend["packets"] for backend in service["backends"]]


def ping(lab: Lab, family: Family, *words: str) -> str:
    """Ping the VIP and return what that said, once all answers have come."""
    told = lab.run("client", *PING, *words, family.vip).checked()
    assert f"{COUNT} packets transmitted, {COUNT} received, 0% packet loss" in told
    assert told.count(f" bytes from {family.vip}: icmp_seq=") == COUNT
    assert "DUP" not in told
    return told


@pytest.mark.parametrize("family", [IPV4, IPV6], ids=str)
def test_pings_of_a_dsr_service_go_round_the_backends_and_all_are_answered(
    direct_return: Lab, attach: Attach, family: Family
) -> None:
    attachment = attach(direct_return)
    add_echo(attachment, family, "--mode", "dsr", "--scheduler", "round-robin")
    ping(direct_return, family)
    assert packets_of(attachment) == [COUNT // 2, COUNT // 2]
    assert attachment.verdicts()["tx_dsr"] == COUNT


@pytest.mark.parametrize("family", [OWN4, OWN6], ids=str)
def test_pings_of_a_nat_service_go_round_the_backends_and_come_back_from_the_vip(
    dual_stack: Lab, attach: Attach, family: Family
) -> None:
    attachment = attach(dual_stack)
    add_echo(attachment, family, "--mode", "nat", "--scheduler", "round-robin")
    ping(dual_stack, family)
    # There and back.
    assert packets_of(attachment) == [COUNT, COUNT]
    assert attachment.drops() == {}


@pytest.mark.parametrize("size", [1, 1452])
@pytest.mark.parametrize("family", [OWN4, OWN6], ids=str)
def test_pings_of_any_size_that_fits_a_frame_come_back_whole(
    dual_stack: Lab, attach: Attach, family: Family, size: int
) -> None:
    attachment = attach(dual_stack)
    add_echo(attachment, family)
    told = ping(dual_stack, family, "-s", str(size), "-p", "a5")
    assert "wrong data byte" not in told
    assert sum(packets_of(attachment)) == 2 * COUNT


@pytest.mark.parametrize("family", [OWN4, OWN6], ids=str)
def test_neighbours_and_the_hosts_own_pings_go_on_beside_an_echo_service(
    dual_stack: Lab, attach: Attach, family: Family
) -> None:
    add_echo(attach(dual_stack), family)
    dual_stack.run("client", "ip", "neigh", "flush", "dev", "veth0").checked()
    dual_stack.run("lb", "ip", "neigh", "flush", "dev", "veth6").checked()
    ping(dual_stack, family)
    for other in (family.client, *family.backends):
        told = dual_stack.run("lb", *PING, other).checked()
        assert " 0% packet loss" in told


@pytest.mark.parametrize("tunnel", TUNNELS, ids=str)
def test_pings_through_every_tunnel_are_answered(
    direct_return: Lab, attach: Attach, decapsulators: Decapsulators, tunnel: Tunnel
) -> None:
    attachment = attach(direct_return)
    decapsulators.clear()
    service = f"{tunnel.inner.host}:any/icmp"
    attachment.xdplb("service", "add", service, tunnel.outer.backends[0], "--mode", tunnel.mode)
    ping(direct_return, tunnel.inner)
    arrivals = decapsulators.arrivals("h2")
    assert arrivals[str(tunnel)] == COUNT
    assert "wrong" not in arrivals
