# SPDX-License-Identifier: BSD-2-Clause
"""Frames made byte by byte, right or bent."""

from ipaddress import ip_address
from typing import NamedTuple

from packet.balancer import BALANCER_MAC, mac_bytes
from packet.model_headers import (
    ECHO_TYPES,
    IPV4,
    IPV6,
    TCP,
    UDP,
    VLAN_TAGS,
    Headers,
    read_headers,
)
from packet.model_output import pack, put_network_checksum, put_transport_checksum

MAC = mac_bytes(BALANCER_MAC)
CLIENTS = {
    4: [ip_address(a).packed for a in ("10.0.0.1", "203.0.113.255", "198.51.100.0")],
    6: [ip_address(a).packed for a in ("2001:db8:1::1", "fd00::ffff:ffff:ffff:ffff")],
}


def mac_of(address: bytes) -> bytes:
    """The MAC that packets of a host come from, as if each were on our link."""
    return bytes([2, len(address)]) + address[-4:]


class Shape(NamedTuple):
    """A packet; what is left as it is makes one that is right."""

    source: bytes
    destination: bytes
    protocol: int = TCP
    source_port: int = 40000
    destination_port: int = 80
    flags: int = 0x02
    is_reply: bool = False  # of an echo
    payload: bytes = b"payload"
    trailer: bytes = b""  # behind a datagram, in the packet
    padding: bytes = b""  # behind the packet, in the frame
    has_checksum: bool = True
    damage: int = 0  # added to the transport checksum
    ttl: int = 64
    tos: int = 0
    fragment: int = 0
    tags: tuple[int, ...] = ()
    ether_type: int = 0  # 0: that of the addresses
    options: bytes = b""  # IPv4
    extensions: tuple[tuple[int, int], ...] = ()  # IPv6: number, further 8-byte units
    mac: bytes = MAC

    @property
    def version(self) -> int:
        return 4 if len(self.source) == 4 else 6


def transport_of(shape: Shape) -> bytes:
    ports = pack(shape.source_port) + pack(shape.destination_port)
    if shape.protocol == TCP:
        rest = bytes([0x50, shape.flags]) + bytes.fromhex("ffff00000000")
        return ports + bytes(range(8)) + rest + shape.payload
    if shape.protocol == UDP:
        return ports + pack(8 + len(shape.payload)) + bytes(2) + shape.payload + shape.trailer
    kind = ECHO_TYPES[shape.version][shape.is_reply]
    identifier = shape.destination_port if shape.is_reply else shape.source_port
    return bytes([kind, 0, 0, 0]) + pack(identifier) + bytes(2) + shape.payload


def ipv4_of(shape: Shape, transport: bytes) -> bytes:
    header = 20 + len(shape.options)
    start = bytes([0x40 | header // 4, shape.tos]) + pack(header + len(transport)) + pack(0x1234)
    start += pack(shape.fragment) + bytes([shape.ttl, shape.protocol, 0, 0])
    return start + shape.source + shape.destination + shape.options + transport


def ipv6_of(shape: Shape, transport: bytes) -> bytes:
    numbers = [number for number, _ in shape.extensions] + [shape.protocol]
    chain = b"".join(
        bytes([following, units, 1, 0]) + bytes(4 + 8 * units)
        for (_, units), following in zip(shape.extensions, numbers[1:], strict=True)
    )
    start = (6 << 28 | shape.tos << 20 | 0x12345).to_bytes(4, "big")
    start += pack(len(chain) + len(transport)) + bytes([numbers[0], shape.ttl])
    return start + shape.source + shape.destination + chain + transport


def frame_of(shape: Shape) -> bytes:
    """Return the frame, with right checksums unless its shape says otherwise."""
    make = ipv4_of if shape.version == 4 else ipv6_of
    kind = shape.ether_type or (IPV4 if shape.version == 4 else IPV6)
    link = shape.mac + mac_of(shape.source)
    link += b"".join(pack(tag) + pack(0x2064) for tag in shape.tags) + pack(kind)
    frame = link + make(shape, transport_of(shape))
    return fill_checksums(frame, shape) + shape.padding


def fill_checksums(frame: bytes, shape: Shape) -> bytes:
    headers = read_headers(frame, shape.mac)
    if isinstance(headers, str):
        return frame
    out = bytearray(frame)
    if headers.version == 4:
        put_network_checksum(out, headers, 0)
    if shape.protocol != UDP or shape.has_checksum:
        put_transport_checksum(out, headers, shape.damage)
    return bytes(out)


def answer_of(frame: bytes, headers: Headers, flags: int = 0x12, payload: bytes = b"ok") -> Shape:
    """Return what the receiver of a packet answers to it."""
    return Shape(
        headers.destination,
        headers.source,
        headers.protocol,
        headers.destination_port,
        headers.source_port,
        flags,
        is_reply=not headers.is_echo_reply,
        payload=payload,
        tags=tuple(tag for tag in VLAN_TAGS if pack(tag) in (frame[12:14], frame[16:18])),
    )
