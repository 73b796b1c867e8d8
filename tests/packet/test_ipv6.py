# SPDX-License-Identifier: BSD-2-Clause
"""IPv6, VLAN tags and echo requests in the modes that translate."""

from typing import Any

import pytest
from packet.balancer import (
    BALANCER_MAC,
    Balancer,
    answer_to,
    client_tcp,
    client_udp,
    frame_from_client,
    has_right_checksums,
    want,
)
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoReply, ICMPv6EchoRequest, IPv6
from scapy.layers.l2 import Dot1AD, Dot1Q, Ether
from scapy.packet import Packet, Raw

from xdplb.bpf import XdpAction
from xdplb.model import Mode, Protocol, Scheduler

VIP6, CLIENT6 = "2001:db8::10", "2001:db8:1::1"
BACKENDS6 = ("2001:db8::2", "2001:db8::3")
FROM6: dict[str, Any] = {"source": CLIENT6, "destination": VIP6}


@pytest.fixture
def lb6(empty_lb: Balancer) -> Balancer:
    for protocol in (Protocol.TCP, Protocol.UDP):
        empty_lb.add_service(BACKENDS6, vip=VIP6, port=0, protocol=protocol, nat_address=VIP6)
    return empty_lb


@pytest.mark.parametrize("make", [client_tcp, client_udp], ids=["tcp", "udp"])
def test_ipv6_connection_goes_there_and_back(lb6: Balancer, make: object) -> None:
    assert callable(make)
    there = lb6.run(make(**FROM6, dport=443, payload=b"odd", hlim=9))
    layer = TCP if make is client_tcp else UDP
    packet = there.packet
    assert packet[IPv6].dst in BACKENDS6
    assert (packet[IPv6].src, packet[layer].dport, packet[IPv6].hlim) == (VIP6, 443, 8)
    back = lb6.run(answer_to(packet, payload=b"answer!"))
    assert (back.packet[IPv6].src, back.packet[layer].sport) == (VIP6, 443)
    assert (back.packet[IPv6].dst, back.packet[layer].dport) == (CLIENT6, 40000)
    assert has_right_checksums(there.frame)
    assert has_right_checksums(back.frame)
    assert lb6.verdicts() == {"tx_nat": 1, "tx_reply": 1}


def test_ipv6_packets_of_one_connection_go_one_way(lb6: Balancer) -> None:
    sent = [lb6.run(client_tcp("S" if n == 0 else "A", **FROM6)).packet for n in range(20)]
    assert len({(packet[IPv6].dst, packet[TCP].sport) for packet in sent}) == 1
    assert sum(c.new_connections for c in lb6.plane.service_counters([0, 1]).values()) == 1


def test_ipv6_packet_cut_at_any_length_is_dropped_as_malformed(lb6: Balancer) -> None:
    whole = bytes(client_tcp(**FROM6))
    for length in range(14, len(whole)):
        assert lb6.run(whole[:length]).action is XdpAction.DROP, length
    assert lb6.verdicts() == {"drop_malformed": len(whole) - 14}


def tagged(packet: Packet, *tags: Packet) -> Packet:
    """*packet* with VLAN tags, outermost first."""
    frame = Ether(src=packet.src, dst=packet.dst)
    for tag in tags:
        frame = frame / tag
    return frame / packet.payload


TAGS = {"802.1Q": (Dot1Q(vlan=7, prio=5),), "QinQ": (Dot1AD(vlan=100), Dot1Q(vlan=7))}


@pytest.mark.parametrize("tags", TAGS.values(), ids=TAGS)
@pytest.mark.parametrize("mode", [Mode.NAT, Mode.DSR, Mode.IPIP, Mode.GUE])
def test_vlan_tags_leave_as_they_came(empty_lb: Balancer, tags: tuple[Packet], mode: Mode) -> None:
    empty_lb.add_service(["10.0.0.2"], mode=mode)
    out = empty_lb.run(tagged(client_tcp(), *tags))
    assert out.action is XdpAction.TX
    length = 4 * len(tags)
    assert out.frame[12 : 14 + length - 2] == bytes(tagged(client_tcp(), *tags))[12 : 12 + length]
    assert out.packet[IP].dst == ("10.0.0.10" if mode is Mode.DSR else "10.0.0.2")
    assert out.packet.src == BALANCER_MAC
    assert has_right_checksums(out.frame)


def ping(number: int, version: int, identifier: int = 77) -> Packet:
    if version == 4:
        return frame_from_client() / ICMP(id=identifier, seq=number) / Raw(b"ping")
    return frame_from_client(**FROM6) / ICMPv6EchoRequest(id=identifier, seq=number, data=b"ping")


@pytest.mark.parametrize("version", [4, 6])
def test_each_echo_request_goes_to_the_next_backend(empty_lb: Balancer, version: int) -> None:
    vip, backends = (VIP6, BACKENDS6) if version == 6 else ("10.0.0.10", ("10.0.0.2", "10.0.0.3"))
    empty_lb.add_service(
        backends,
        vip=vip,
        port=0,
        protocol=Protocol.ICMP,
        scheduler=Scheduler.ROUND_ROBIN,
        mode=Mode.DSR,
        nat_address=vip,
    )
    macs = [empty_lb.run(ping(number, version)).packet.dst for number in range(6)]
    if version == 4:
        assert macs[0] != macs[1]
        assert macs == [macs[0], macs[1]] * 3
    assert empty_lb.verdicts() == {"tx_dsr": 6}
    assert list(empty_lb.object.map("connections")) == []


@pytest.mark.parametrize("version", [4, 6])
def test_echo_is_translated_there_and_back(empty_lb: Balancer, version: int) -> None:
    vip, backend = (VIP6, BACKENDS6[0]) if version == 6 else ("10.0.0.10", "10.0.0.2")
    empty_lb.add_service([backend], vip=vip, port=0, protocol=Protocol.ICMP, nat_address=vip)
    there = empty_lb.run(ping(1, version))
    network = IPv6 if version == 6 else IP
    echo = there.packet[ICMPv6EchoRequest if version == 6 else ICMP]
    assert (there.packet[network].src, there.packet[network].dst) == (vip, backend)
    reply = Ether(dst=BALANCER_MAC) / network(src=backend, dst=vip)
    if version == 6:
        reply = reply / ICMPv6EchoReply(id=echo.id, seq=1, data=b"ping")
    else:
        reply = reply / ICMP(type=0, id=echo.id, seq=1) / Raw(b"ping")
    back = empty_lb.run(reply)
    assert back.packet[network].src == vip
    assert back.packet[ICMPv6EchoReply if version == 6 else ICMP].id == 77
    assert has_right_checksums(there.frame)
    assert has_right_checksums(back.frame)


def test_round_robin_takes_turns_and_remembers(empty_lb: Balancer) -> None:
    empty_lb.add_service(
        [want("10.0.0.2"), want("10.0.0.3")], scheduler=Scheduler.ROUND_ROBIN, mode=Mode.DSR
    )
    first = [empty_lb.run(client_tcp(sport=port)).packet.dst for port in range(1000, 1010)]
    again = [empty_lb.run(client_tcp("A", sport=port)).packet.dst for port in range(1000, 1010)]
    assert first == [first[0], first[1]] * 5
    assert first[0] != first[1]
    assert again == first
