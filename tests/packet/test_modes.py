# SPDX-License-Identifier: BSD-2-Clause
"""What leaves in modes dsr, ipip and gue, IPv4 and IPv6 in any combination."""

from typing import Any

import pytest
from packet.balancer import (
    BACKEND_MACS,
    BALANCER_MAC,
    Balancer,
    client_tcp,
    client_udp,
    has_right_checksums,
    want,
)
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt
from scapy.layers.l2 import Ether
from scapy.packet import Packet

from xdplb.bpf import XdpAction
from xdplb.model import Mode, Protocol

VIP4, VIP6 = "10.0.0.10", "2001:db8::10"
CLIENTS = {VIP4: "10.0.0.1", VIP6: "2001:db8:1::1"}
BACKEND4, BACKEND6 = "10.0.0.2", "2001:db8::2"
MAC = BACKEND_MACS[BACKEND4]
COMBINATIONS = [(vip, backend) for vip in (VIP4, VIP6) for backend in (BACKEND4, BACKEND6)]
ETHERNET_BYTES = 14


def balance(lb: Balancer, mode: Mode, vip: str, backend: str, protocol: Protocol) -> None:
    lb.add_service([want(backend, mac=MAC)], vip=vip, mode=mode, protocol=protocol, nat_address=vip)


def request(vip: str, **options: Any) -> Packet:
    return client_tcp("A", destination=vip, source=CLIENTS[vip], payload=b"hello", **options)


@pytest.mark.parametrize("vip", [VIP4, VIP6])
def test_dsr_changes_nothing_but_the_macs(empty_lb: Balancer, vip: str) -> None:
    balance(empty_lb, Mode.DSR, vip, BACKEND4 if vip == VIP4 else BACKEND6, Protocol.TCP)
    packet = request(vip)
    out = empty_lb.run(packet)
    assert out.action is XdpAction.TX
    assert out.frame[12:] == bytes(packet)[12:]
    assert (out.packet.dst, out.packet.src) == (MAC, BALANCER_MAC)
    assert empty_lb.verdicts() == {"tx_dsr": 1}


@pytest.mark.parametrize(("vip", "backend"), COMBINATIONS)
def test_ipip_puts_the_whole_packet_into_another(
    empty_lb: Balancer, vip: str, backend: str
) -> None:
    balance(empty_lb, Mode.IPIP, vip, backend, Protocol.TCP)
    packet = request(vip)
    out = empty_lb.run(packet)
    outer = out.packet.payload
    assert out.action is XdpAction.TX
    assert (out.packet.dst, out.packet.src) == (MAC, BALANCER_MAC)
    assert outer.dst == backend
    assert out.frame.endswith(bytes(packet)[ETHERNET_BYTES:])
    assert isinstance(outer, IP if backend == BACKEND4 else IPv6)
    protocol = outer.proto if backend == BACKEND4 else outer.nh
    assert protocol == (4 if vip == VIP4 else 41)
    assert has_right_checksums(out.frame)
    assert empty_lb.verdicts() == {"tx_ipip": 1}


@pytest.mark.parametrize(("vip", "backend"), COMBINATIONS)
@pytest.mark.parametrize("make", [client_tcp, client_udp], ids=["tcp", "udp"])
def test_gue_puts_it_into_a_datagram_with_a_right_checksum(
    empty_lb: Balancer, vip: str, backend: str, make: object
) -> None:
    """Over IPv6 the checksum covers the packet inside, which is not read."""
    protocol = Protocol.TCP if make is client_tcp else Protocol.UDP
    balance(empty_lb, Mode.GUE, vip, backend, protocol)
    assert callable(make)
    packet = make(destination=vip, source=CLIENTS[vip], dport=80, payload=b"odd")
    out = empty_lb.run(packet)
    datagram = out.packet[UDP]
    assert out.packet.payload.dst == backend
    assert datagram.dport == 6080
    assert datagram.len == len(out.frame) - len(out.packet) + len(datagram)
    assert out.frame.endswith(bytes(packet)[ETHERNET_BYTES:])
    assert (datagram.chksum == 0) == (backend == BACKEND4)
    assert has_right_checksums(out.frame)
    assert empty_lb.verdicts() == {"tx_gue": 1}


def test_gue_over_ipv6_drops_what_it_cannot_sum_up(empty_lb: Balancer) -> None:
    """A datagram without a checksum: its payload would have to be read."""
    balance(empty_lb, Mode.GUE, VIP4, BACKEND6, Protocol.UDP)
    packet = client_udp(destination=VIP4, dport=80, chksum=0)
    assert empty_lb.run(packet).action is XdpAction.DROP
    assert empty_lb.verdicts() == {"drop_no_checksum": 1}


@pytest.mark.parametrize("vip", [VIP4, VIP6])
def test_outer_header_has_the_tos_and_leaves_the_inner_ttl(empty_lb: Balancer, vip: str) -> None:
    balance(empty_lb, Mode.IPIP, vip, BACKEND4, Protocol.TCP)
    hops = {"ttl": 1, "tos": 0x2E} if vip == VIP4 else {"hlim": 1, "tc": 0x2E}
    outer = empty_lb.run(request(vip, **hops)).packet[IP]
    inner = outer.payload
    assert outer.tos == 0x2E
    assert outer.ttl == 64
    assert (inner.ttl if vip == VIP4 else inner.hlim) == 1


def test_outer_source_follows_the_flow(empty_lb: Balancer) -> None:
    """Receivers spread over their queues by it; one flow keeps its own."""
    balance(empty_lb, Mode.IPIP, VIP4, BACKEND4, Protocol.TCP)
    sources = [empty_lb.run(request(VIP4, sport=port)).packet[IP].src for port in range(1000, 1100)]
    assert len(set(sources)) > 90
    assert all(source.startswith("172.16.") for source in sources)
    assert empty_lb.run(request(VIP4, sport=1000)).packet[IP].src == sources[0]


@pytest.mark.parametrize("mode", [Mode.DSR, Mode.IPIP, Mode.GUE])
def test_settled_slots_need_no_connection_table(empty_lb: Balancer, mode: Mode) -> None:
    """Whatever comes: a flood of SYNs costs no memory."""
    balance(empty_lb, mode, VIP4, BACKEND4, Protocol.TCP)
    for port in range(1000, 1500):
        assert empty_lb.run(client_tcp(sport=port)).action is XdpAction.TX
    assert list(empty_lb.object.map("connections")) == []


def test_extension_headers_are_stepped_over(empty_lb: Balancer) -> None:
    balance(empty_lb, Mode.DSR, VIP6, BACKEND6, Protocol.TCP)
    packet = request(VIP6)
    packet[IPv6].payload = IPv6ExtHdrDestOpt() / packet[TCP]
    out = empty_lb.run(Ether(bytes(packet)))
    assert empty_lb.verdicts() == {"tx_dsr": 1}
    assert out.frame[12:] == bytes(packet)[12:]
