# SPDX-License-Identifier: BSD-2-Clause
"""Just enough state: what a slot that moved does to flows old and new."""

import pytest
from packet.balancer import BACKENDS, Balancer, client_tcp, client_udp
from scapy.layers.inet import IP

from xdplb.model import Mode, Protocol
from xdplb.services import settle_slots

PORTS = range(40000, 40400)
MORE = [*BACKENDS, "10.0.0.4", "10.0.0.5"]


@pytest.fixture
def tunnel(empty_lb: Balancer) -> Balancer:
    """10.0.0.10:80/tcp in mode ipip: the outer destination tells the backend."""
    empty_lb.add_service(mode=Mode.IPIP)
    return empty_lb


def where(lb: Balancer, flags: str, ports: range = PORTS) -> dict[int, str]:
    """Return which backend each source port's packet goes to."""
    return {port: lb.run(client_tcp(flags, sport=port)).packet[IP].dst for port in ports}


def entries(lb: Balancer) -> int:
    return len(list(lb.object.map("connections")))


def test_adding_backends_breaks_no_flow_that_nobody_remembers(tunnel: Balancer) -> None:
    before = where(tunnel, "A")
    tunnel.set_backends(0, MORE)
    assert where(tunnel, "A") == before
    assert entries(tunnel) == 0


def test_new_flows_on_moved_slots_are_remembered_and_stay(tunnel: Balancer) -> None:
    tunnel.set_backends(0, MORE)
    opened = where(tunnel, "S")
    assert set(opened.values()) == set(MORE)
    assert where(tunnel, "A") == opened
    moved = sum(backend not in BACKENDS for backend in opened.values())
    assert 0 < moved <= entries(tunnel) < len(PORTS)


def test_removed_backend_takes_only_its_own_flows_with_it(tunnel: Balancer) -> None:
    before = where(tunnel, "A")
    tunnel.set_backends(0, ["10.0.0.2"])
    after = where(tunnel, "A")
    assert set(after.values()) == {"10.0.0.2"}
    assert {p: b for p, b in before.items() if b == "10.0.0.2"}.items() <= after.items()


def test_change_that_is_taken_back_honours_flows_remembered_in_between(tunnel: Balancer) -> None:
    """A to B to A within one drain time: what was given to B stays with it while B lives."""
    old = where(tunnel, "A", range(50000, 50200))
    tunnel.set_backends(0, MORE)
    between = where(tunnel, "S")
    plane = tunnel.plane
    for number, record in plane.backends().items():
        if str(record.backend.address) not in BACKENDS:
            plane.put_backend(number, record._replace(draining=True))
    tunnel.set_backends(0, MORE)
    assert where(tunnel, "A") == between
    assert where(tunnel, "A", range(50000, 50200)) == old
    assert set(where(tunnel, "S", range(60000, 60200)).values()) == set(BACKENDS)


def test_slots_settle_when_the_drain_time_is_over(tunnel: Balancer) -> None:
    tunnel.set_backends(0, MORE)
    assert tunnel.plane.services()[0].moved_s > 0
    settle_slots(tunnel.plane, drain_time_s=3600)
    assert tunnel.plane.services()[0].moved_s > 0
    settle_slots(tunnel.plane, drain_time_s=0)
    assert tunnel.plane.services()[0].moved_s == 0
    for port in range(61000, 61100):
        tunnel.run(client_tcp(sport=port))
    assert entries(tunnel) == 0


def test_datagrams_that_nobody_remembers_stay_with_the_previous_backend(empty_lb: Balancer) -> None:
    """UDP has no SYN that would tell a new flow from an old one."""
    empty_lb.add_service(mode=Mode.IPIP, port=53, protocol=Protocol.UDP)
    before = {p: empty_lb.run(client_udp(sport=p)).packet[IP].dst for p in PORTS}
    empty_lb.set_backends(0, MORE)
    assert {p: empty_lb.run(client_udp(sport=p)).packet[IP].dst for p in PORTS} == before
    empty_lb.set_backends(0, ["10.0.0.5"])
    assert {empty_lb.run(client_udp(sport=p)).packet[IP].dst for p in PORTS} == {"10.0.0.5"}


def test_syns_at_a_settled_service_make_no_entry(tunnel: Balancer) -> None:
    where(tunnel, "S")
    assert entries(tunnel) == 0
