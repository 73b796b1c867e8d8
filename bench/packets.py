# SPDX-License-Identifier: BSD-2-Clause
"""The balancer's packets in the rig: nanoseconds above ``return XDP_TX``, by row and flows."""

import struct
from collections.abc import Iterator
from ipaddress import IPv4Address
from typing import NamedTuple

from bench.rig import FRAME_BYTES, Case, Rig
from xdplb.bpf import BpfObject, LoadedObject, XdpAction
from xdplb.dataplane import DataPlane, sizes_of
from xdplb.loader import MAIN_PROGRAM, OBJECT
from xdplb.model import Backend, Limits, Protocol, Service, ServiceKey
from xdplb.services import Host, WantedBackend, add_service

VIP = IPv4Address("10.200.1.1")
ELSEWHERE = IPv4Address("10.99.1.1")
BACKENDS = [IPv4Address("10.201.0.0") + number for number in range(1, 101)]
NAT_PORTS = (1024, 65535)
LIMITS = Limits(connections=1 << 20)
FLOWS = (1, 1 << 10, 1 << 16, 1 << 20)
LISTED_FLOWS = (1, 1 << 10, 1 << 16)
TCP_ACK, TCP_SYN = 0x10, 0x02


class Row(NamedTuple):
    """A line of the table; ``None`` where a figure was not asked for."""

    name: str
    net_ns: dict[int, float]
    bound_ns: dict[int, float]


BOUNDS: dict[str, dict[int, float]] = {
    "nat established, to the backend": {1: 65, 1 << 10: 85, 1 << 20: 400},
    "nat established, to the client": {1: 65, 1 << 10: 85},
    "not ours, passed": {1: 15},
}


def tcp_frame(destination: IPv4Address, flags: int) -> bytes:
    """Return a TCP segment of the client's; the rig writes its source address."""
    ethernet = bytes.fromhex("020000000002 020000000001 0800")
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 64, 1, 0, 64, 6, 0, bytes(4), destination.packed)
    tcp = struct.pack(">HHIIBBHHH", 31337, 80, 1, 1, 0x50, flags, 8192, 0, 0)
    return (ethernet + ip + tcp).ljust(FRAME_BYTES, b"\0")


def udp_frame(destination: IPv4Address) -> bytes:
    """Return a datagram of the client's."""
    frame = bytearray(tcp_frame(destination, 0))
    frame[23] = 17
    frame[34:42] = struct.pack(">HHHH", 31337, 80, 44, 0x1234)
    return bytes(frame)


def load_balancer() -> tuple[LoadedObject, DataPlane]:
    """Return the program with one service for TCP and one for UDP, of 100 backends each."""
    with BpfObject.open(OBJECT) as opened:
        for name, size in sizes_of(LIMITS).items():
            opened.map(name).max_entries = size
        opened.set_constant("service_index_mask", sizes_of(LIMITS)["service_index"] - 1)
        opened.set_constant("nat_port_min", NAT_PORTS[0])
        opened.set_constant("nat_port_max", NAT_PORTS[1])
        loaded = opened.load()
    plane = DataPlane.from_object(loaded)
    wanted = [WantedBackend(Backend(address, mac=b"\2\0\0\0\0\3")) for address in BACKENDS]
    for protocol in Protocol:
        service = Service(ServiceKey(VIP, 80, protocol), tuple(want.backend for want in wanted))
        add_service(plane, service, wanted, Host(VIP))
    return loaded, plane


def reply_flows(loaded: LoadedObject, count: int) -> list[tuple[int, int]]:
    """Return *count* flows of the way back that the connection table holds."""
    flows = []
    for key, connection in loaded.map("connections").items():
        if connection.flags:
            packed = key.source, key.destination, key.source_port, key.destination_port
            addresses, ports = struct.unpack("=QI", struct.pack(">IIHH", *packed))
            flows.append((addresses, ports))
            if len(flows) == count:
                return flows
    raise AssertionError(f"{count} flows wanted, {len(flows)} remembered")


def cases() -> Iterator[Case]:
    """Yield every case but the replies, which need the others' connections."""
    ack = tcp_frame(VIP, TCP_ACK)
    for flows in FLOWS:
        yield Case("nat established, to the backend", ack, flows, XdpAction.TX)
    for flows in FLOWS:
        yield Case("nat UDP, to the backend", udp_frame(VIP), flows, XdpAction.TX)
    for flows in FLOWS[:2]:
        yield Case("not ours, passed", tcp_frame(ELSEWHERE, TCP_ACK), flows, XdpAction.PASS)


def measure_rows(rig: Rig) -> list[Row]:
    """Measure the floors and every case in one run of the rig."""
    rows: dict[str, Row] = {}

    def note(name: str, flows: int, net_ns: float) -> None:
        row = rows.setdefault(name, Row(name, {}, BOUNDS.get(name, {})))
        row.net_ns[flows] = net_ns

    floor = Case("floor: MACs exchanged", tcp_frame(VIP, TCP_ACK), 1, XdpAction.TX)
    note(floor.name, 1, rig.measure(rig.floor_swap, floor).net_ns)
    for case in cases():
        loaded, plane = load_balancer()
        with loaded, plane, loaded.program(MAIN_PROGRAM) as program:
            note(case.name, case.flows, rig.measure(program, case).net_ns)
            if case.name.startswith("nat established") and case.flows in LISTED_FLOWS:
                listed = reply_flows(loaded, case.flows)
                reply = case._replace(name="nat established, to the client", listed=listed)
                note(reply.name, reply.flows, rig.measure(program, reply).net_ns)
    return list(rows.values())
