# SPDX-License-Identifier: BSD-2-Clause
"""Mode nat: there and back, ports, addresses and checksums."""

import pytest
from packet.balancer import (
    BACKEND_MACS,
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
from scapy.packet import Raw

from xdplb.bpf import XdpAction
from xdplb.model import Protocol


def test_syn_goes_to_a_backend_from_an_address_and_port_of_ours(lb: Balancer) -> None:
    out = lb.run(client_tcp(ttl=64))
    packet = out.packet
    assert out.action is XdpAction.TX
    assert packet[IP].dst in BACKENDS
    assert (packet[IP].src, packet[TCP].dport, packet[IP].ttl) == (VIP, 80, 63)
    assert 10240 <= packet[TCP].sport <= 32767
    assert (packet[Ether].src, packet[Ether].dst) == (BALANCER_MAC, BACKEND_MACS[packet[IP].dst])
    assert has_right_checksums(out.frame)
    assert lb.verdicts() == {"tx_nat": 1}


def test_reply_leaves_with_the_vip_as_its_source(lb: Balancer) -> None:
    sent = lb.run(client_tcp()).packet
    out = lb.run(answer_to(sent))
    packet = out.packet
    assert out.action is XdpAction.TX
    assert (packet[IP].src, packet[TCP].sport) == (VIP, 80)
    assert (packet[IP].dst, packet[TCP].dport) == (CLIENT, 40000)
    assert (packet[Ether].src, packet[Ether].dst) == (BALANCER_MAC, CLIENT_MAC)
    assert packet[IP].ttl == 63
    assert has_right_checksums(out.frame)
    assert lb.verdicts() == {"tx_nat": 1, "tx_reply": 1}


@pytest.mark.parametrize("size", [0, 1, 2, 3, 512, 1459, 1460])
def test_tcp_checksum_stays_right_over_any_payload(lb: Balancer, size: int) -> None:
    """Odd lengths included, both ways."""
    lb.run(client_tcp())
    out = lb.run(client_tcp("PA", payload=(bytes(range(256)) * 6)[:size]))
    back = lb.run(answer_to(out.packet, "PA", (b"\xff\x00\xfe" * 500)[:size]))
    assert has_right_checksums(out.frame)
    assert has_right_checksums(back.frame)


def test_checksum_that_came_wrong_leaves_wrong(lb: Balancer) -> None:
    packet = client_tcp("S")
    packet[TCP].chksum = 0x1234
    assert not has_right_checksums(bytes(packet))
    assert not has_right_checksums(lb.run(packet).frame)


def test_payload_is_left_alone(lb: Balancer) -> None:
    payload = bytes(range(251)) * 5
    assert lb.run(client_tcp("PA", payload=payload)).packet[Raw].load == payload


@pytest.fixture
def dns(empty_lb: Balancer) -> Balancer:
    empty_lb.add_service(port=53, protocol=Protocol.UDP)
    return empty_lb


def test_udp_goes_there_and_back(dns: Balancer) -> None:
    there = dns.run(client_udp())
    back = dns.run(answer_to(there.packet, payload=b"answer"))
    assert has_right_checksums(there.frame)
    assert has_right_checksums(back.frame)
    assert back.packet[IP].dst == CLIENT
    assert (back.packet[UDP].sport, back.packet[UDP].dport) == (53, 40000)
    assert dns.verdicts() == {"tx_nat": 1, "tx_reply": 1}


def test_udp_checksum_of_zero_stays_zero(dns: Balancer) -> None:
    there = dns.run(client_udp(chksum=0))
    answer = answer_to(there.packet)
    answer[UDP].chksum = 0
    back = dns.run(answer)
    assert there.packet[UDP].chksum == 0
    assert back.packet[UDP].chksum == 0
    assert has_right_checksums(there.frame)


def test_udp_checksum_that_computes_to_zero_leaves_as_ffff(dns: Balancer) -> None:
    """Two bytes of payload are chosen so that the translated datagram sums to 0xffff."""
    there = dns.run(client_udp(payload=b"\0\0"))
    last = there.packet[UDP].chksum
    out = dns.run(client_udp(payload=last.to_bytes(2, "big")))
    assert out.packet[UDP].chksum == 0xFFFF
    assert has_right_checksums(out.frame)


def test_clients_with_equal_ports_never_collide(lb: Balancer) -> None:
    """500 clients, one source port: each has a NAT port of its own towards its backend."""
    pairs = set()
    for number in range(500):
        sent = lb.run(client_tcp(source=f"10.1.{number // 250}.{number % 250 + 1}")).packet
        pairs.add((sent[IP].dst, sent[TCP].sport))
        back = lb.run(answer_to(sent)).packet
        assert back[IP].dst == f"10.1.{number // 250}.{number % 250 + 1}"
    assert len(pairs) == 500


def test_packets_of_one_connection_go_one_way(lb: Balancer) -> None:
    """Whatever else their headers say: id, length, ToS, flags."""
    ways = set()
    for number in range(200):
        packet = client_tcp(
            "S" if number == 0 else "PA", payload=b"x" * number, id=number, tos=number % 4
        )
        out = lb.run(packet).packet
        ways.add((out[IP].dst, out[TCP].sport))
    assert len(ways) == 1


def test_no_port_left_is_a_verdict_and_not_a_wrong_packet() -> None:
    with Balancer(nat_port_min=20000, nat_port_max=20003) as lb:
        lb.add_service(["10.0.0.2"])
        outs = [lb.run(client_tcp(sport=41000 + i)) for i in range(6)]
        assert len({out.packet[TCP].sport for out in outs if out.action is XdpAction.TX}) == 4
        assert lb.verdicts() == {"tx_nat": 4, "drop_no_nat_port": 2}


def test_reset_frees_the_nat_port() -> None:
    with Balancer(nat_port_min=20000, nat_port_max=20000) as lb:
        lb.add_service(["10.0.0.2"])
        lb.run(client_tcp(sport=41000))
        assert lb.run(client_tcp(sport=41001)).action is XdpAction.DROP
        lb.run(client_tcp("R", sport=41000))
        assert lb.run(client_tcp(sport=41001)).packet[TCP].sport == 20000


def test_fin_of_both_sides_frees_the_nat_port_after_time_wait() -> None:
    """tcp_closed_s is 0 here, so that no time has to pass; one FIN alone frees nothing."""
    with Balancer(nat_port_min=20000, nat_port_max=20000, tcp_closed_s=0) as lb:
        lb.add_service(["10.0.0.2"])
        sent = lb.run(client_tcp(sport=41000)).packet
        lb.run(answer_to(sent))
        lb.run(client_tcp("FA", sport=41000))
        assert lb.run(client_tcp(sport=41001)).action is XdpAction.DROP
        lb.run(answer_to(sent, "FA"))
        assert lb.run(client_tcp(sport=41001)).action is XdpAction.TX


def test_backend_port_replaces_the_one_asked_for(empty_lb: Balancer) -> None:
    empty_lb.add_service([want("10.0.0.2", port=8080)])
    there = empty_lb.run(client_tcp())
    back = empty_lb.run(answer_to(there.packet))
    assert there.packet[TCP].dport == 8080
    assert back.packet[TCP].sport == 80
    assert has_right_checksums(there.frame)
    assert has_right_checksums(back.frame)


def test_nat_address_may_differ_from_the_vip(empty_lb: Balancer) -> None:
    empty_lb.add_service(nat_address="10.0.0.20")
    there = empty_lb.run(client_tcp()).packet
    assert there[IP].src == "10.0.0.20"
    assert empty_lb.run(answer_to(there)).packet[IP].src == VIP
