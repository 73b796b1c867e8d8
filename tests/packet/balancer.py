# SPDX-License-Identifier: BSD-2-Clause
"""The program under BPF_PROG_TEST_RUN: this packet in, that packet out, that verdict counted."""

from collections.abc import Iterable
from ipaddress import ip_address
from types import TracebackType
from typing import Any, NamedTuple, Self

from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Packet, Raw

from xdplb.bpf import BpfObject, RingBufferMap, RingReader, XdpAction
from xdplb.dataplane import DataPlane, sizes_of
from xdplb.loader import OBJECT, has_coarse_clock
from xdplb.model import Backend, HashOn, Limits, Mode, Protocol, Scheduler, Service, ServiceKey
from xdplb.services import Host, WantedBackend, add_service, set_backends

VIP = "10.0.0.10"
CLIENT = "10.0.0.1"
BACKENDS = ("10.0.0.2", "10.0.0.3")
BALANCER_MAC = "de:ad:be:ef:00:10"
CLIENT_MAC = "de:ad:be:ef:00:01"
BACKEND_MACS = {"10.0.0.2": "de:ad:be:ef:00:02", "10.0.0.3": "de:ad:be:ef:00:03"}

LIMITS = Limits(services=16, backends=64, connections=2048, table_size=251)


def mac_bytes(mac: str) -> bytes:
    return bytes.fromhex(mac.replace(":", ""))


class Outcome(NamedTuple):
    """What became of a packet."""

    action: XdpAction
    frame: bytes

    @property
    def packet(self) -> Packet:
        return Ether(self.frame)


def want(address: str, *, mac: str | None = None, **options: Any) -> WantedBackend:
    """A backend with the MAC the tutorial gives it, or with another."""
    known = BACKEND_MACS.get(address, "02:00:00:00:00:99") if mac is None else mac
    return WantedBackend(Backend(ip_address(address), mac=mac_bytes(known), **options))


class Balancer:
    """The loaded program with maps of its own; nothing is attached."""

    def __init__(self, limits: Limits = LIMITS, **constants: Any) -> None:
        with BpfObject.open(OBJECT) as opened:
            for name, size in sizes_of(limits).items():
                opened.map(name).max_entries = size
            opened.set_constant("service_index_mask", sizes_of(limits)["service_index"] - 1)
            opened.set_constant("interface_mac", mac_bytes(BALANCER_MAC))
            opened.set_constant("has_coarse_clock", has_coarse_clock())
            for name, value in constants.items():
                opened.set_constant(name, value)
            self.object = opened.load()
        self.plane = DataPlane.from_object(self.object)
        self.program = self.object.program("xdp_lb")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.plane.close()
        self.program.close()
        self.object.close()

    def add_service(
        self,
        backends: Iterable[WantedBackend | str] = BACKENDS,
        *,
        vip: str = VIP,
        port: int = 80,
        protocol: Protocol = Protocol.TCP,
        mode: Mode = Mode.NAT,
        scheduler: Scheduler = Scheduler.MAGLEV,
        hash_on: HashOn = HashOn.FLOW,
        seed: int = 1,
        nat_address: str = VIP,
        shares_host: bool = False,
    ) -> int:
        wanted = as_wanted(backends)
        key = ServiceKey(ip_address(vip), port, protocol)
        service = Service(
            key,
            tuple(want.backend for want in wanted),
            mode=mode,
            scheduler=scheduler,
            hash_on=hash_on,
        )
        self.plane.put_directory(self.plane.directory()._replace(hash_seed=seed, flow_key=0x1234))
        return add_service(self.plane, service, wanted, Host(ip_address(nat_address), shares_host))

    def set_backends(self, service: int, backends: Iterable[WantedBackend | str]) -> None:
        set_backends(self.plane, service, as_wanted(backends))

    def run(self, packet: Packet | bytes) -> Outcome:
        """Run the program once on *packet* as it is, checksums filled in by scapy if unset."""
        result = self.program.test_run(bytes(packet))
        return Outcome(XdpAction(result.action), bytes(result.packet))

    def verdicts(self) -> dict[str, int]:
        """Packets by verdict, without those that are 0."""
        return {name: c.packets for name, c in self.plane.verdicts().items() if c.packets}

    def event_reader(self) -> RingReader[Any]:
        """Ask for flow events for an hour and return their reader."""
        import time

        from xdplb.abi_flows import FlowEventCodec

        switches = self.plane.switches()
        until = time.monotonic_ns() + 3600 * 10**9
        self.plane.put_switches(switches._replace(events_until_ns=until))
        ring = self.object.map("flow_events")
        assert isinstance(ring, RingBufferMap)
        return ring.reader(FlowEventCodec())


def as_wanted(backends: Iterable[WantedBackend | str]) -> list[WantedBackend]:
    return [want(each) if isinstance(each, str) else each for each in backends]


# --- packets ----------------------------------------------------------------------------------


def frame_from_client(
    *, source: str = CLIENT, destination: str = VIP, mac: str = CLIENT_MAC, **ip: Any
) -> Packet:
    layer = IPv6 if ":" in destination else IP
    return Ether(src=mac, dst=BALANCER_MAC) / layer(src=source, dst=destination, **ip)


def client_tcp(
    flags: str = "S", *, sport: int = 40000, dport: int = 80, payload: bytes = b"", **frame: Any
) -> Packet:
    return frame_from_client(**frame) / TCP(sport=sport, dport=dport, flags=flags) / Raw(payload)


def client_udp(
    *, sport: int = 40000, dport: int = 53, payload: bytes = b"question", **options: Any
) -> Packet:
    frame = {k: v for k, v in options.items() if k != "chksum"}
    udp = {k: v for k, v in options.items() if k == "chksum"}
    return frame_from_client(**frame) / UDP(sport=sport, dport=dport, **udp) / Raw(payload)


def answer_to(sent: Packet, flags: str = "SA", payload: bytes = b"") -> Packet:
    """What the backend answers to a packet that the balancer sent it."""
    layer = TCP if TCP in sent else UDP
    transport = layer(sport=sent[layer].dport, dport=sent[layer].sport)
    if layer is TCP:
        transport.flags = flags
    ethernet = Ether(src=sent.dst, dst=sent.src)
    network = IPv6 if IPv6 in sent else IP
    back = network(src=sent[network].dst, dst=sent[network].src)
    return ethernet / back / transport / Raw(payload)


def has_right_checksums(frame: bytes) -> bool:
    """Does scapy, counting anew, come to the same checksums?"""
    fresh = Ether(frame)
    for layer in fresh.layers():
        part = fresh[layer]
        if "chksum" in part.fields and not (layer is UDP and part.chksum == 0):
            del part.chksum
        elif "cksum" in part.fields:
            del part.cksum
    return bytes(fresh) == frame
