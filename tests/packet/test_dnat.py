# SPDX-License-Identifier: BSD-2-Clause
"""Mode dnat: the client's address is kept, and backends may speak first."""

import pytest
from packet.balancer import (
    BACKENDS,
    BALANCER_MAC,
    CLIENT,
    CLIENT_MAC,
    VIP,
    Balancer,
    answer_to,
    client_tcp,
    client_udp,
    has_right_checksums,
    want,
)
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Packet, Raw

from xdplb.bpf import XdpAction
from xdplb.model import Mode, Protocol
from xdplb.services import remove_service


@pytest.fixture
def dnat(empty_lb: Balancer) -> Balancer:
    """10.0.0.10:53/udp in front of the tutorial's two backends."""
    empty_lb.add_service(port=53, protocol=Protocol.UDP, mode=Mode.DNAT)
    return empty_lb


def from_backend(
    backend: str, *, sport: int = 53, client: str = CLIENT, dport: int = 40000
) -> Packet:
    ethernet = Ether(src="de:ad:be:ef:00:02", dst=BALANCER_MAC)
    return ethernet / IP(src=backend, dst=client) / UDP(sport=sport, dport=dport) / Raw(b"first")


def test_request_keeps_the_clients_address_and_port(dnat: Balancer) -> None:
    out = dnat.run(client_udp())
    packet = out.packet
    assert (packet[IP].src, packet[UDP].sport) == (CLIENT, 40000)
    assert packet[IP].dst in BACKENDS
    assert packet[UDP].dport == 53
    assert packet[IP].ttl == 63
    assert has_right_checksums(out.frame)
    assert dnat.verdicts() == {"tx_dnat": 1}


def test_answer_leaves_with_the_vip_as_its_source(dnat: Balancer) -> None:
    sent = dnat.run(client_udp()).packet
    back = dnat.run(answer_to(sent))
    assert (back.packet[IP].src, back.packet[UDP].sport) == (VIP, 53)
    assert (back.packet[IP].dst, back.packet.dst) == (CLIENT, CLIENT_MAC)
    assert has_right_checksums(back.frame)
    assert dnat.verdicts() == {"tx_dnat": 1, "tx_reply": 1}


def test_backend_that_speaks_first_makes_the_association(dnat: Balancer) -> None:
    out = dnat.run(from_backend("10.0.0.3"))
    assert (out.action, out.packet[IP].src, out.packet[UDP].sport) == (XdpAction.TX, VIP, 53)
    assert has_right_checksums(out.frame)
    assert dnat.run(client_udp()).packet[IP].dst == "10.0.0.3"
    assert dnat.verdicts() == {"tx_reply": 1, "tx_dnat": 1}


def test_backend_that_the_client_is_not_associated_with_is_dropped(dnat: Balancer) -> None:
    sent = dnat.run(client_udp()).packet
    (other,) = set(BACKENDS) - {sent[IP].dst}
    assert dnat.run(from_backend(other)).action is XdpAction.DROP
    assert dnat.verdicts() == {"tx_dnat": 1, "drop_other_backend": 1}
    assert dnat.run(answer_to(sent)).action is XdpAction.TX


def test_other_ports_and_hosts_behind_us_are_none_of_ours(dnat: Balancer) -> None:
    for packet in (from_backend("10.0.0.2", sport=54), from_backend("10.0.0.77")):
        assert dnat.run(packet).frame == bytes(packet)
    assert dnat.verdicts() == {"pass_no_service": 2}


def test_ttl_of_the_last_hop_never_leaves_as_zero(dnat: Balancer) -> None:
    assert dnat.run(client_udp(ttl=1)).action is XdpAction.DROP
    assert dnat.verdicts() == {"drop_ttl_expired": 1}


def test_port_65535_is_a_port(empty_lb: Balancer) -> None:
    empty_lb.add_service(port=65535, protocol=Protocol.UDP, mode=Mode.DNAT)
    sent = empty_lb.run(client_udp(dport=65535, sport=65535)).packet
    assert empty_lb.run(answer_to(sent)).packet[UDP].sport == 65535


def test_backend_port_is_translated_both_ways(empty_lb: Balancer) -> None:
    backend = want("10.0.0.2", port=5353)
    empty_lb.add_service([backend], port=53, protocol=Protocol.UDP, mode=Mode.DNAT)
    sent = empty_lb.run(client_udp()).packet
    assert sent[UDP].dport == 5353
    assert empty_lb.run(answer_to(sent)).packet[UDP].sport == 53


def test_tcp_goes_there_and_back(empty_lb: Balancer) -> None:
    empty_lb.add_service(mode=Mode.DNAT)
    sent = empty_lb.run(client_tcp()).packet
    back = empty_lb.run(answer_to(sent))
    assert (sent[IP].src, sent[TCP].sport) == (CLIENT, 40000)
    assert (back.packet[IP].src, back.packet[TCP].sport) == (VIP, 80)
    assert has_right_checksums(back.frame)


def test_removed_service_leaves_its_backends_alone(dnat: Balancer) -> None:
    remove_service(dnat.plane, 0)
    packet = from_backend("10.0.0.2")
    assert dnat.run(packet).frame == bytes(packet)
    assert dnat.plane.index() == {}
    assert dnat.plane.directory().dnat_backends == 0
