# SPDX-License-Identifier: BSD-2-Clause
"""ICMP errors reach whom they concern, with what they quote translated back."""

from typing import Any

import pytest
from packet.balancer import (
    BACKEND_MACS,
    BALANCER_MAC,
    CLIENT,
    CLIENT_MAC,
    VIP,
    Balancer,
    answer_to,
    client_tcp,
    client_udp,
    frame_from_client,
)
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPerror, TCPerror, UDPerror
from scapy.layers.inet6 import ICMPv6PacketTooBig, IPerror6, IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Packet, Raw

from xdplb.bpf import XdpAction
from xdplb.model import Mode, Protocol

ROUTER = "192.0.2.1"
TOO_BIG: dict[str, Any] = {"type": 3, "code": 4, "nexthopmtu": 1300}


def error_about(sent: Packet, *, source: str = ROUTER, quoted_bytes: int | None = None) -> Packet:
    """A router's "fragmentation needed" about a packet that we sent, back to its sender."""
    quoted = bytes(sent[IP])[:quoted_bytes]
    ethernet = Ether(src="02:00:00:00:00:aa", dst=BALANCER_MAC)
    return ethernet / IP(src=source, dst=sent[IP].src) / ICMP(**TOO_BIG) / Raw(quoted)


def has_right_error_checksums(frame: bytes) -> bool:
    """By scapy: the error's own, and that of the IP header it quotes."""
    fresh = Ether(frame)
    del fresh[IP].chksum, fresh[ICMP].chksum, fresh[IPerror].chksum
    return bytes(fresh) == frame


@pytest.mark.parametrize("quoted_bytes", [28, 40, None])
def test_error_about_a_packet_to_the_backend_reaches_the_client(
    lb: Balancer, quoted_bytes: int | None
) -> None:
    """Also where it quotes but 8 bytes behind the IP header."""
    sent = lb.run(client_tcp("A", payload=b"x" * 100)).packet
    out = lb.run(error_about(sent, quoted_bytes=quoted_bytes))
    packet = out.packet
    assert out.action is XdpAction.TX
    assert (packet[IP].src, packet[IP].dst) == (ROUTER, CLIENT)
    assert (packet.dst, packet.src) == (CLIENT_MAC, BALANCER_MAC)
    assert packet[ICMP].nexthopmtu == 1300
    assert (packet[IPerror].src, packet[IPerror].dst) == (CLIENT, VIP)
    assert (packet[TCPerror].sport, packet[TCPerror].dport) == (40000, 80)
    assert has_right_error_checksums(out.frame)
    assert lb.verdicts() == {"tx_nat": 1, "tx_reply": 1}


def test_error_about_a_packet_to_the_client_reaches_the_backend(lb: Balancer) -> None:
    sent = lb.run(client_tcp()).packet
    back = lb.run(answer_to(sent, "A", b"y" * 100)).packet
    out = lb.run(error_about(back))
    packet = out.packet
    assert (packet[IP].dst, packet.dst) == (sent[IP].dst, BACKEND_MACS[sent[IP].dst])
    assert (packet[IPerror].src, packet[IPerror].dst) == (sent[IP].dst, VIP)
    assert (packet[TCPerror].sport, packet[TCPerror].dport) == (80, sent[TCP].sport)
    assert has_right_error_checksums(out.frame)


def test_error_of_the_backend_itself_comes_from_the_vip(empty_lb: Balancer) -> None:
    """Port unreachable, which ends a client's waiting."""
    empty_lb.add_service(port=53, protocol=Protocol.UDP)
    sent = empty_lb.run(client_udp()).packet
    error = error_about(sent, source=sent[IP].dst)
    error[ICMP].code = 3
    out = empty_lb.run(Ether(bytes(error)))
    assert (out.packet[IP].src, out.packet[IP].dst) == (VIP, CLIENT)
    assert (out.packet[UDPerror].sport, out.packet[UDPerror].dport) == (40000, 53)
    assert out.packet[UDPerror].chksum == client_udp_checksum()
    assert has_right_error_checksums(out.frame)


def client_udp_checksum() -> int:
    """The checksum of the datagram as the client sent it."""
    checksum: int = Ether(bytes(client_udp()))[UDP].chksum
    return checksum


def test_error_changes_no_state_of_the_connection(lb: Balancer) -> None:
    sent = lb.run(client_tcp()).packet
    before = dict(lb.object.map("connections").items())
    lb.run(error_about(sent))
    assert dict(lb.object.map("connections").items()) == before
    assert lb.plane.service_counters([0])[0].new_connections == 1


def test_error_about_nothing_we_know_passes_untouched(lb: Balancer) -> None:
    strange = error_about(client_tcp(source="10.0.0.10", destination="10.9.9.9"))
    about_unknown = error_about(client_tcp(source=VIP, destination=CLIENT, sport=80))
    for error in (strange, about_unknown):
        assert lb.run(error).frame == bytes(error)
    assert list(lb.object.map("connections")) == []


@pytest.mark.parametrize("mode", [Mode.DSR, Mode.IPIP, Mode.GUE])
def test_error_reaches_the_backend_past_whom_nothing_comes_back(
    empty_lb: Balancer, mode: Mode
) -> None:
    """The backend answered the client itself, as the VIP; the error comes to us."""
    empty_lb.add_service(mode=mode)
    request = empty_lb.run(client_tcp("A"))
    error = error_about(IP(bytes(IP(src=VIP, dst=CLIENT) / TCP(sport=80, dport=40000))))
    out = empty_lb.run(error)
    assert out.action is XdpAction.TX
    assert out.packet.dst == request.packet.dst
    assert out.frame.endswith(bytes(error)[14:])


def test_packet_too_big_is_translated_in_ipv6(empty_lb: Balancer) -> None:
    vip, client, backend, router = "2001:db8::10", "2001:db8:1::1", "2001:db8::2", "2001:db8:9::1"
    empty_lb.add_service([backend], vip=vip, nat_address=vip)
    sent = empty_lb.run(client_tcp("A", source=client, destination=vip, payload=b"z" * 200)).packet
    error = Ether(dst=BALANCER_MAC) / IPv6(src=router, dst=vip) / ICMPv6PacketTooBig(mtu=1280)
    out = empty_lb.run(error / Raw(bytes(sent[IPv6])))
    packet = out.packet
    assert (packet[IPv6].src, packet[IPv6].dst) == (router, client)
    assert packet[ICMPv6PacketTooBig].mtu == 1280
    assert (packet[IPerror6].src, packet[IPerror6].dst) == (client, vip)
    fresh = Ether(out.frame)
    del fresh[ICMPv6PacketTooBig].cksum
    assert bytes(fresh) == out.frame


def test_error_cut_at_any_length_is_never_sent(lb: Balancer) -> None:
    sent = lb.run(client_tcp("A")).packet
    whole = bytes(error_about(sent, quoted_bytes=28))
    for length in range(14, len(whole)):
        assert lb.run(whole[:length]).action is not XdpAction.TX, length


def test_ping_of_the_host_is_none_of_it(lb: Balancer) -> None:
    packet = frame_from_client() / ICMP() / Raw(b"hello")
    assert lb.run(packet).frame == bytes(packet)
