# SPDX-License-Identifier: BSD-2-Clause
"""The balancer's packets in the rig: nanoseconds above ``return XDP_TX``, by row and flows."""

from collections.abc import Iterator
from ipaddress import ip_address
from typing import NamedTuple

from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Packet

from bench.rig import FRAME_BYTES, Case, Rig
from xdplb.abi_flows import ConnectionReader
from xdplb.bpf import BpfObject, LoadedObject, XdpAction
from xdplb.dataplane import DataPlane, sizes_of
from xdplb.loader import MAIN_PROGRAM, OBJECT
from xdplb.model import Backend, Limits, Mode, Protocol, Service, ServiceKey
from xdplb.services import Host, WantedBackend, add_service

VIPS = {4: "10.200.1.1", 6: "fc00:1::1"}
CLIENTS = {4: "10.0.0.0", 6: "fc00:2::"}
PREFIXES = {4: "10.201.0.0", 6: "fc00:3::"}
ELSEWHERE = "10.99.1.1"
BACKENDS = 100
NAT_PORTS = (1024, 65535)
LIMITS = Limits(connections=1 << 20)
FLOWS = (1, 1 << 10, 1 << 16, 1 << 20)
LISTED_FLOWS = (1, 1 << 10, 1 << 16)
NAT_ROW = "nat established, to the backend"


class Row(NamedTuple):
    """A line of the table: figures by number of flows, with the bounds there are."""

    name: str
    net_ns: dict[int, float]
    bound_ns: dict[int, float]


class Kind(NamedTuple):
    """What a row measures."""

    name: str
    mode: Mode
    version: int
    protocol: Protocol
    flags: str
    bounds: tuple[float, float, float]  # at 1, 1 Ki and 1 Mi flows


KINDS = (
    Kind("dsr established, IPv4 TCP", Mode.DSR, 4, Protocol.TCP, "A", (26, 30, 34)),
    Kind("ipip established, IPv4 TCP", Mode.IPIP, 4, Protocol.TCP, "A", (32, 36, 40)),
    Kind("ipip established, IPv6 TCP", Mode.IPIP, 6, Protocol.TCP, "A", (36, 40, 46)),
    Kind("ipip UDP", Mode.IPIP, 4, Protocol.UDP, "", (32, 36, 40)),
    Kind("ipip SYN", Mode.IPIP, 4, Protocol.TCP, "S", (34, 38, 42)),
    Kind(NAT_ROW, Mode.NAT, 4, Protocol.TCP, "A", (65, 85, 400)),
)


def make_frame(version: int, protocol: Protocol, flags: str, vip: str | None = None) -> bytes:
    """Return a frame of the client's; the rig writes its source address."""
    network = IP if version == 4 else IPv6
    transport: Packet = UDP(sport=31337, dport=80)
    if protocol is Protocol.TCP:
        transport = TCP(sport=31337, dport=80, flags=flags)
    ethernet = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
    packet = ethernet / network(src=CLIENTS[version], dst=vip or VIPS[version]) / transport
    return bytes(packet).ljust(FRAME_BYTES, b"\0")


def load_balancer(kind: Kind) -> tuple[LoadedObject, DataPlane]:
    """Return the program with one service of 100 backends."""
    with BpfObject.open(OBJECT) as opened:
        for name, size in sizes_of(LIMITS).items():
            opened.map(name).max_entries = size
        opened.set_constant("service_index_mask", sizes_of(LIMITS)["service_index"] - 1)
        opened.set_constant("nat_port_min", NAT_PORTS[0])
        opened.set_constant("nat_port_max", NAT_PORTS[1])
        loaded = opened.load()
    plane = DataPlane.from_object(loaded)
    first = ip_address(PREFIXES[kind.version])
    wanted = [
        WantedBackend(Backend(first + number, mac=b"\2\0\0\0\0\3"))
        for number in range(1, BACKENDS + 1)
    ]
    vip = ip_address(VIPS[kind.version])
    backends = tuple(want.backend for want in wanted)
    service = Service(ServiceKey(vip, 80, kind.protocol), backends, mode=kind.mode)
    add_service(plane, service, wanted, Host(vip))
    return loaded, plane


def reply_flows(plane: DataPlane, count: int) -> list[tuple[int, int]]:
    """Return *count* flows of the way back, as (addresses, ports) lie in memory.

    :raises AssertionError: if the connection table holds fewer
    """
    flows: list[tuple[int, int]] = []
    reader = ConnectionReader(0)
    for keys, values in plane.map("connections").read_batches():
        words = memoryview(keys).cast("B").cast("Q")
        for place, flags in enumerate(reader.column("flags", values, "I")):
            if flags:
                flows.append((words[2 * place], words[2 * place + 1] & 0xFFFF_FFFF))
    assert len(flows) >= count, f"{count} flows wanted, {len(flows)} remembered"
    return flows[:count]


def cases(kind: Kind) -> Iterator[Case]:
    """Yield a row's cases, each with its number of flows."""
    frame = make_frame(kind.version, kind.protocol, kind.flags)
    for flows in FLOWS:
        yield Case(kind.name, frame, flows, XdpAction.TX)


def measure_rows(rig: Rig) -> list[Row]:
    """Measure the floors and every row in one run of the rig."""
    frame = make_frame(4, Protocol.TCP, "A")
    rows = [
        Row(name, {1: rig.measure(program, Case(name, frame, 1, XdpAction.TX)).net_ns}, {})
        for name, program in rig.floors.items()
    ]
    for kind in KINDS:
        bounds = dict(zip((FLOWS[0], FLOWS[1], FLOWS[3]), kind.bounds, strict=True))
        row, back = Row(kind.name, {}, bounds), Row("nat established, to the client", {}, bounds)
        for case in cases(kind):
            measure_case(rig, kind, case, row, back)
        rows += [row, back] if back.net_ns else [row]
    rows.append(measure_strangers(rig))
    return rows


def measure_case(rig: Rig, kind: Kind, case: Case, row: Row, back: Row) -> None:
    """Measure one case and, in mode nat, the answers to it."""
    loaded, plane = load_balancer(kind)
    with loaded, plane, loaded.program(MAIN_PROGRAM) as program:
        row.net_ns[case.flows] = rig.measure(program, case).net_ns
        if kind.mode is Mode.NAT and case.flows in LISTED_FLOWS:
            answers = case._replace(listed=reply_flows(plane, case.flows))
            back.net_ns[case.flows] = rig.measure(program, answers).net_ns


def measure_strangers(rig: Rig) -> Row:
    """Measure packets that are not ours."""
    loaded, plane = load_balancer(KINDS[0])
    row = Row("not ours, passed", {}, {1: 15})
    with loaded, plane, loaded.program(MAIN_PROGRAM) as program:
        frame = make_frame(4, Protocol.TCP, "A", ELSEWHERE)
        for flows in FLOWS[:2]:
            case = Case(row.name, frame, flows, XdpAction.PASS)
            row.net_ns[flows] = rig.measure(program, case).net_ns
    return row
