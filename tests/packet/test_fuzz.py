# SPDX-License-Identifier: BSD-2-Clause
"""A bulk of packets, the same ones each time, through every mode: program against model."""

from ipaddress import ip_address
from random import Random

from packet.model import Expected
from packet.model_headers import ICMP, ICMPV6, TCP, UDP, read_headers
from packet.model_packets import CLIENTS, MAC, Shape, answer_of, frame_of, mac_of
from packet.model_rules import TRANSLATED, Acquaintances
from packet.model_twin import Twin, open_twin
from packet.strategies import HOSTS

from xdplb.model import Backend, Mode, Protocol, Scheduler, Service, ServiceKey

PACKETS = 60_000
ROUND = 1_000  # then all connections are forgotten, far from what the table holds
SCHEDULERS = (Scheduler.MAGLEV, Scheduler.ROUND_ROBIN, Scheduler.HASH)
FLAGS = (0x02, 0x10, 0x18, 0x11, 0x04, 0x12)


def every_mode() -> list[Service]:
    """Three services in each mode: TCP over IPv4, any UDP over IPv6, and echo over either."""
    found = []
    for number, mode in enumerate(Mode):
        vips = {4: ip_address("10.0.1.0") + number, 6: ip_address("2001:db8:1::") + number}
        echo = vips[4 if number % 2 else 6]
        keys = [
            ServiceKey(vips[4], 80, Protocol.TCP),
            ServiceKey(vips[6], 0, Protocol.UDP),
            ServiceKey(echo, 0, Protocol.ICMP),
        ]
        for key, scheduler in zip(keys, SCHEDULERS, strict=True):
            backends = backends_for(key, mode)
            found.append(Service(key, backends, mode=mode, scheduler=scheduler))
    return found


def backends_for(key: ServiceKey, mode: Mode) -> tuple[Backend, ...]:
    version = key.vip.version
    hosts = HOSTS[4] + HOSTS[6] if mode.tunnels else HOSTS[version]
    port = 8080 if key.protocol is Protocol.TCP and mode.translates else 0
    addresses = [ip_address(host) for host in hosts]
    return tuple(Backend(address, port, mac=mac_of(address.packed)) for address in addresses)


class Fuzzer:
    """Draws packets: requests, answers to what was sent, and either with some bytes changed."""

    def __init__(self, services: list[Service], seed: int) -> None:
        self.random = Random(seed)
        self.services = services
        self.frames = [frame_of(self.request()) for _ in range(2000)]
        self.sent: list[bytes] = []

    def request(self) -> Shape:
        draw = self.random
        key = draw.choice(self.services).key
        version = key.vip.version
        number = {Protocol.TCP: TCP, Protocol.UDP: UDP}.get(key.protocol)
        return Shape(
            draw.choice(CLIENTS[version]),
            key.vip.packed,
            number or (ICMP if version == 4 else ICMPV6),
            draw.randrange(65536),
            key.port or draw.randrange(65536),
            draw.choice(FLAGS),
            payload=bytes(draw.randrange(16)),
            has_checksum=draw.random() < 0.9,
            ttl=draw.choice((1, 2, 64, 64, 64)),
            tos=draw.choice((0, 0, 0xB8)),
            tags=draw.choice(((), (), (0x8100,), (0x88A8, 0x8100))),
            options=draw.choice((b"", b"", b"\x94\x04\x00\x00")),
            extensions=draw.choice(((), (), ((60, 0),), ((0, 1), (43, 0)))),
        )

    def draw(self) -> bytes:
        draw = self.random
        if self.sent and draw.random() < 0.4:
            frame = draw.choice(self.sent)
        else:
            frame = draw.choice(self.frames)
        changed = bytearray(frame)
        for _ in range(draw.choice((0, 0, 1, 1, 2, 4))):
            changed[draw.randrange(len(changed))] = draw.randrange(256)
        if draw.random() < 0.05:
            del changed[draw.randrange(14, len(changed) + 1) :]
        return bytes(changed)

    def see(self, after: Expected) -> None:
        """Keep the answer to what was translated, to be sent at some time."""
        headers = read_headers(MAC + after.frame[6:], MAC)
        if after.verdict in TRANSLATED and not isinstance(headers, str):
            answer = answer_of(after.frame, headers, self.random.choice(FLAGS))
            self.sent = [*self.sent[-99:], frame_of(answer)]


def test_bulk_of_packets_goes_as_the_model_says() -> None:
    services = every_mode()
    fuzzer = Fuzzer(services, seed=2026)
    with open_twin() as twin:
        twin.start_anew()
        for service in services:
            twin.add_service(service)
        for _ in range(PACKETS // ROUND):
            run_round(twin, fuzzer)
        assert twin.packets == PACKETS == sum(twin.balancer.verdicts().values())
        assert {f"tx_{mode.value}" for mode in Mode} | {"tx_reply"} <= twin.expected.keys()


def run_round(twin: Twin, fuzzer: Fuzzer) -> None:
    known = Acquaintances(twin)
    for _ in range(ROUND):
        frame = fuzzer.draw()
        after = twin.run(frame)
        known.check(frame, after)
        fuzzer.see(after)
    twin.check_verdicts()
    twin.forget_connections()
    fuzzer.sent.clear()
