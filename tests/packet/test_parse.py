# SPDX-License-Identifier: BSD-2-Clause
"""What is not ours, or not whole."""

import pytest
from packet.balancer import BALANCER_MAC, Balancer, client_tcp, client_udp, frame_from_client
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption_Router_Alert
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Packet, Raw

from xdplb.bpf import XdpAction

IP_AT = 14

PASSED = {
    "arp": (Ether(dst=BALANCER_MAC) / ARP(pdst="10.0.0.10"), "pass_other_protocol"),
    "ipv6": (Ether(dst=BALANCER_MAC) / IPv6(dst="fd00::1") / TCP(), "pass_no_service"),
    "ping": (frame_from_client() / ICMP(), "pass_no_service"),
    "icmp timestamp": (frame_from_client() / ICMP(type=13), "pass_other_protocol"),
    "gre": (frame_from_client(proto=47) / Raw(b"x" * 40), "pass_other_protocol"),
    "other port": (client_tcp(dport=81), "pass_no_service"),
    "other address": (client_tcp(destination="10.0.0.11"), "pass_no_service"),
    "other protocol": (client_udp(dport=80), "pass_no_service"),
    "first fragment": (
        frame_from_client(flags="MF") / TCP(dport=80) / Raw(b"x" * 64),
        "pass_fragment",
    ),
    "later fragment": (frame_from_client(frag=8, proto=6) / Raw(b"x" * 64), "pass_fragment"),
}


@pytest.mark.parametrize("what", PASSED)
def test_what_is_not_ours_passes_untouched(lb: Balancer, what: str) -> None:
    packet, verdict = PASSED[what]
    out = lb.run(packet)
    assert out.action is XdpAction.PASS
    assert out.frame == bytes(packet)
    assert lb.verdicts() == {verdict: 1}


def test_frame_to_another_mac_passes_untouched(lb: Balancer) -> None:
    """A bridge floods what it has not learnt; those frames are not ours to balance."""
    packet = client_tcp()
    packet[Ether].dst = "de:ad:be:ef:00:02"
    out = lb.run(packet)
    assert (out.action, out.frame) == (XdpAction.PASS, bytes(packet))
    assert lb.verdicts() == {"pass_other_host": 1}


def test_frame_to_any_mac_is_taken_where_none_is_set() -> None:
    with Balancer(interface_mac=bytes(6)) as lb:
        lb.add_service()
        packet = client_tcp()
        packet[Ether].dst = "de:ad:be:ef:00:77"
        assert lb.run(packet).action is XdpAction.TX


def test_ip_options_are_stepped_over(lb: Balancer) -> None:
    out = lb.run(client_tcp(options=[IPOption_Router_Alert()]))
    assert out.action is XdpAction.TX
    assert out.packet[IP].options[0].option == 20
    assert lb.verdicts() == {"tx_nat": 1}


@pytest.mark.parametrize("packet", [client_tcp(), client_udp(dport=80, payload=b"")], ids=str)
def test_packet_cut_at_any_length_is_dropped_as_malformed(lb: Balancer, packet: Packet) -> None:
    """TEST_RUN takes no frame shorter than an Ethernet header."""
    whole = bytes(packet)
    for length in range(IP_AT, len(whole)):
        assert lb.run(whole[:length]).action is XdpAction.DROP, length
    assert lb.verdicts() == {"drop_malformed": len(whole) - IP_AT}


def test_padding_behind_the_packet_is_no_fault(lb: Balancer) -> None:
    assert lb.run(bytes(client_tcp()) + bytes(6)).action is XdpAction.TX


BENT = {
    "version": lambda p: p[IP].setfieldval("version", 5),
    "header shorter than a header": lambda p: p[IP].setfieldval("ihl", 4),
    "header longer than the packet": lambda p: p[IP].setfieldval("ihl", 15),
    "total length past the frame": lambda p: p[IP].setfieldval("len", 4000),
    "total length within the header": lambda p: p[IP].setfieldval("len", 12),
    "data offset too small": lambda p: p[TCP].setfieldval("dataofs", 4),
    "data offset past the end": lambda p: p[TCP].setfieldval("dataofs", 15),
}


@pytest.mark.parametrize("what", BENT)
def test_header_that_contradicts_itself_is_malformed(lb: Balancer, what: str) -> None:
    packet = client_tcp()
    BENT[what](packet)
    assert lb.run(packet).action is XdpAction.DROP
    assert lb.verdicts() == {"drop_malformed": 1}


@pytest.mark.parametrize("length", [0, 7, 4000])
def test_udp_length_that_cannot_be_is_malformed(lb: Balancer, length: int) -> None:
    packet = client_udp()
    packet[UDP].len = length
    assert lb.run(packet).action is XdpAction.DROP
    assert lb.verdicts() == {"drop_malformed": 1}


def test_packet_on_its_last_hop_is_dropped(lb: Balancer) -> None:
    assert lb.run(client_tcp(ttl=1)).action is XdpAction.DROP
    assert lb.verdicts() == {"drop_ttl_expired": 1}
