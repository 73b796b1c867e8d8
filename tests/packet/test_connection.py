# SPDX-License-Identifier: BSD-2-Clause
"""What is remembered of a connection, and for how long."""

from packet.balancer import BACKENDS, Balancer, answer_to, client_tcp, client_udp, want
from scapy.layers.inet import IP, TCP, UDP
from scapy.packet import Packet

from xdplb.bpf import XdpAction
from xdplb.model import Protocol


def backend_of(packet: Packet) -> str:
    address: str = packet[IP].dst
    return address


def place_connections(lb: Balancer, count: int) -> dict[int, str]:
    """Open connections from *count* source ports; return which backend each was given."""
    return {port: backend_of(lb.run(client_tcp(sport=port)).packet) for port in count_ports(count)}


def count_ports(count: int) -> range:
    return range(40000, 40000 + count)


def test_added_backend_takes_no_connection_from_the_others(lb: Balancer) -> None:
    before = place_connections(lb, 200)
    lb.set_backends(0, [*BACKENDS, "10.0.0.4", "10.0.0.5"])
    after = {p: backend_of(lb.run(client_tcp("A", sport=p)).packet) for p in count_ports(200)}
    assert after == before
    fresh = {backend_of(lb.run(client_tcp(sport=p)).packet) for p in range(50000, 50200)}
    assert fresh == {*BACKENDS, "10.0.0.4", "10.0.0.5"}


def test_removed_backend_takes_only_its_own_connections_with_it(lb: Balancer) -> None:
    """Who stays keeps its backend and its NAT port; the others move with the next packet."""
    before = {port: lb.run(client_tcp(sport=port)).packet for port in count_ports(200)}
    lb.set_backends(0, ["10.0.0.2"])
    for port, sent in before.items():
        now = lb.run(client_tcp("A", sport=port)).packet
        assert backend_of(now) == "10.0.0.2"
        if backend_of(sent) == "10.0.0.2":
            assert now[TCP].sport == sent[TCP].sport


def test_backend_with_a_removed_ones_id_gets_none_of_its_connections(lb: Balancer) -> None:
    """The reply of the removed one is no reply any more either."""
    sent = [lb.run(client_tcp(sport=port)).packet for port in count_ports(50)]
    gone = next(packet for packet in sent if backend_of(packet) == "10.0.0.3")
    lb.set_backends(0, ["10.0.0.2"])
    lb.set_backends(0, ["10.0.0.2", "10.0.0.4"])
    out = lb.run(answer_to(gone))
    assert out.action is XdpAction.PASS
    assert out.frame == bytes(answer_to(gone))


def test_connection_that_was_evicted_one_way_finds_its_port_again(lb: Balancer) -> None:
    """LRU eviction takes entries one by one; the other way must not break by it."""
    sent = lb.run(client_tcp()).packet
    table = lb.object.map("connections")
    (forward,) = [key for key, value in table.items() if not value.flags]
    assert table.delete(forward)
    again = lb.run(client_tcp("A")).packet
    assert (again[IP].dst, again[TCP].sport) == (sent[IP].dst, sent[TCP].sport)


def test_reset_of_an_unknown_connection_makes_no_entry(lb: Balancer) -> None:
    assert lb.run(client_tcp("R")).action is XdpAction.DROP
    assert lb.verdicts() == {"drop_no_connection": 1}
    assert list(lb.object.map("connections")) == []


def test_new_connection_on_the_ports_of_a_closed_one_is_a_new_one(lb: Balancer) -> None:
    lb.run(client_tcp())
    lb.run(client_tcp("R"))
    lb.run(client_tcp())
    assert lb.plane.service_counters([0])[0].new_connections == 2


def test_repeated_syn_is_no_new_connection(lb: Balancer) -> None:
    ways = {(p[IP].dst, p[TCP].sport) for p in (lb.run(client_tcp()).packet for _ in range(5))}
    assert len(ways) == 1
    assert lb.plane.service_counters([0])[0].new_connections == 1


def test_stray_packet_to_a_nat_port_is_none_of_ours(lb: Balancer) -> None:
    sent = lb.run(client_tcp()).packet
    stray = answer_to(sent)
    stray[IP].src = "10.0.0.77"
    assert lb.run(stray).frame == bytes(stray)
    assert lb.verdicts() == {"tx_nat": 1, "pass_no_service": 1}


def test_new_datagram_after_the_idle_time_may_take_the_port() -> None:
    with Balancer(udp_idle_s=0, nat_port_min=20000, nat_port_max=20000) as lb:
        lb.add_service(["10.0.0.2"], port=53, protocol=Protocol.UDP)
        assert lb.run(client_udp(sport=1111)).packet[UDP].sport == 20000
        assert lb.run(client_udp(sport=2222)).packet[UDP].sport == 20000


def test_live_association_keeps_its_port() -> None:
    with Balancer(nat_port_min=20000, nat_port_max=20000) as lb:
        lb.add_service([want("10.0.0.2")], port=53, protocol=Protocol.UDP)
        assert lb.run(client_udp(sport=1111)).packet[UDP].sport == 20000
        assert lb.run(client_udp(sport=2222)).action is XdpAction.DROP
        assert lb.verdicts() == {"tx_nat": 1, "drop_no_nat_port": 1}
