# SPDX-License-Identifier: BSD-2-Clause
"""What the model reads of a frame, from docs/packet.md and the RFCs of the headers."""

from typing import NamedTuple

ICMP, TCP, UDP, ICMPV6 = 1, 6, 17, 58
FIN, SYN, RST, ACK = 0x01, 0x02, 0x04, 0x10
IPV4, IPV6 = 0x0800, 0x86DD
VLAN_TAGS = (0x8100, 0x88A8)
HOP_BY_HOP, ROUTING, FRAGMENT, DESTINATION = 0, 43, 44, 60
MOST_TAGS = 2
MOST_EXTENSIONS = 4
ECHO_TYPES = {4: (8, 0), 6: (128, 129)}  # version → request, reply

Flow = tuple[bytes, bytes, int, int, int]  # source, destination, their ports, protocol


class Headers(NamedTuple):
    """Offsets in the frame, and what was read there. Addresses have 4 or 16 bytes."""

    version: int
    network: int
    transport: int
    end: int  # of the IP packet; padding may follow
    protocol: int
    ttl: int
    source: bytes
    destination: bytes
    source_port: int = 0
    destination_port: int = 0
    flags: int = 0
    is_echo_reply: bool = False

    @property
    def flow(self) -> Flow:
        ports = (self.source_port, self.destination_port)
        return (self.source, self.destination, *ports, self.protocol)

    @property
    def is_echo(self) -> bool:
        return self.protocol in (ICMP, ICMPV6)

    @property
    def is_syn(self) -> bool:
        return self.protocol == TCP and self.flags & (SYN | ACK) == SYN

    @property
    def has_extensions(self) -> bool:
        return self.version == 6 and self.transport != self.network + 40


def word(frame: bytes, at: int) -> int:
    return int.from_bytes(frame[at : at + 2], "big")


def read_headers(frame: bytes, mac: bytes) -> Headers | str:
    """Return the headers of a frame for *mac*, or the verdict that ends it."""
    if len(frame) < 14:
        return "drop_malformed"
    if frame[:6] != mac:
        return "pass_other_host"
    kind, at = word(frame, 12), 14
    for _ in range(MOST_TAGS):
        if kind not in VLAN_TAGS:
            break
        if len(frame) < at + 4:
            return "drop_malformed"
        kind, at = word(frame, at + 2), at + 4
    if kind == IPV4:
        return read_ipv4(frame, at)
    return read_ipv6(frame, at) if kind == IPV6 else "pass_other_protocol"


def read_ipv4(frame: bytes, at: int) -> Headers | str:
    if len(frame) < at + 20 or frame[at] >> 4 != 4:
        return "drop_malformed"
    header, total, protocol = (frame[at] & 15) * 4, word(frame, at + 2), frame[at + 9]
    if header < 20 or total < header or total > len(frame) - at:
        return "drop_malformed"
    if protocol not in (TCP, UDP, ICMP):
        return "pass_other_protocol"
    if word(frame, at + 6) & 0x3FFF:
        return "pass_fragment"
    source, destination = frame[at + 12 : at + 16], frame[at + 16 : at + 20]
    addresses = (protocol, frame[at + 8], source, destination)
    return read_transport(frame, Headers(4, at, at + header, at + total, *addresses))


def read_ipv6(frame: bytes, at: int) -> Headers | str:
    if len(frame) < at + 40 or frame[at] >> 4 != 6:
        return "drop_malformed"
    end = at + 40 + word(frame, at + 4)
    if end > len(frame):
        return "drop_malformed"
    protocol, transport = skip_extensions(frame, frame[at + 6], at + 40, end)
    if protocol == FRAGMENT:
        return "pass_fragment"
    if protocol not in (TCP, UDP, ICMPV6):
        return "pass_other_protocol"
    source, destination = frame[at + 8 : at + 24], frame[at + 24 : at + 40]
    addresses = (protocol, frame[at + 7], source, destination)
    return read_transport(frame, Headers(6, at, transport, end, *addresses))


def skip_extensions(frame: bytes, protocol: int, start: int, end: int) -> tuple[int, int]:
    """Return which transport protocol begins where; an extension's number if it cannot be told."""
    first, at = protocol, start
    for _ in range(MOST_EXTENSIONS):
        if protocol not in (HOP_BY_HOP, ROUTING, DESTINATION):
            break
        if at + 8 > end or at + 8 * (frame[at + 1] + 1) > end:
            return first, start
        if protocol == ROUTING and frame[at + 3]:  # bound for somewhere else yet
            return first, start
        protocol, at = frame[at], at + 8 * (frame[at + 1] + 1)
    return protocol, at


def read_transport(frame: bytes, headers: Headers) -> Headers | str:
    at, room = headers.transport, headers.end - headers.transport
    if headers.protocol == TCP:
        if room < 20 or frame[at + 12] >> 4 < 5 or room < (frame[at + 12] >> 4) * 4:
            return "drop_malformed"
        return with_ports(frame, headers._replace(flags=frame[at + 13]))
    if room < 8:
        return "drop_malformed"
    if headers.protocol == UDP:
        if not 8 <= word(frame, at + 4) <= room:
            return "drop_malformed"
        return with_ports(frame, headers)
    return read_echo(frame, headers)


def with_ports(frame: bytes, headers: Headers) -> Headers:
    at = headers.transport
    return headers._replace(source_port=word(frame, at), destination_port=word(frame, at + 2))


def read_echo(frame: bytes, headers: Headers) -> Headers | str:
    """The identifier stands for the asker's port."""
    request, reply = ECHO_TYPES[headers.version]
    kind, identifier = frame[headers.transport], word(frame, headers.transport + 4)
    if kind == request:
        return headers._replace(source_port=identifier)
    if kind == reply:
        return headers._replace(destination_port=identifier, is_echo_reply=True)
    return "pass_other_protocol"
