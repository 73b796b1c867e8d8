# SPDX-License-Identifier: BSD-2-Clause
"""The frames that the model expects to leave, byte by byte."""

from typing import NamedTuple

from packet.model_headers import ICMP, ICMPV6, IPV4, IPV6, TCP, UDP, Headers, read_ipv4, read_ipv6
from packet.model_headers import word as word_at

CHECKSUM_AT = {TCP: 16, UDP: 6, ICMP: 2, ICMPV6: 2}
GUE_PORT = 6080
OUTER_TTL = 64


class Translation(NamedTuple):
    source: bytes
    destination: bytes
    source_port: int
    destination_port: int
    mac: bytes


def ones_sum(data: bytes) -> int:
    """Return the one's complement sum of the 16-bit words, 0xffff as 0: 2**16 is 1 there."""
    return int.from_bytes(data + bytes(len(data) % 2), "big") % 0xFFFF


def put_word(frame: bytearray, at: int, value: int) -> None:
    frame[at : at + 2] = value.to_bytes(2, "big")


def pseudo_header(headers: Headers) -> bytes:
    if headers.protocol == ICMP:
        return b""
    length = headers.end - headers.transport
    return headers.source + headers.destination + bytes([0, headers.protocol]) + pack(length)


def pack(value: int) -> bytes:
    return value.to_bytes(2, "big")


def transport_sum(frame: bytes, headers: Headers) -> int:
    return ones_sum(pseudo_header(headers) + frame[headers.transport : headers.end])


def network_sum(frame: bytes, headers: Headers) -> int:
    """The sum of an IPv4 header; options are part of it, extension headers have no sum."""
    return ones_sum(frame[headers.network : headers.transport])


def put_network_checksum(frame: bytearray, headers: Headers, wanted: int) -> None:
    """Let the IPv4 header sum up to *wanted*: 0, or how far off it was when it came."""
    at = headers.network + 10
    put_word(frame, at, 0)
    put_word(frame, at, (wanted - network_sum(bytes(frame), headers)) % 0xFFFF)


def put_transport_checksum(frame: bytearray, headers: Headers, wanted: int) -> None:
    at = headers.transport + CHECKSUM_AT[headers.protocol]
    put_word(frame, at, 0)
    checksum = (wanted - transport_sum(bytes(frame), headers)) % 0xFFFF
    put_word(frame, at, 0xFFFF if headers.protocol == UDP and not checksum else checksum)


def has_checksum(frame: bytes, headers: Headers) -> bool:
    return headers.protocol != UDP or bool(word_at(frame, headers.transport + 6))


def readdress(frame: bytes, mac: bytes) -> bytes:
    """Mode dsr: only the MACs change. It leaves from the address it came to."""
    return mac + frame[:6] + frame[12:]


def put_ports(frame: bytearray, headers: Headers, to: Translation) -> None:
    at = headers.transport
    if headers.is_echo:
        put_word(frame, at + 4, to.destination_port if headers.is_echo_reply else to.source_port)
        return
    put_word(frame, at, to.source_port)
    put_word(frame, at + 2, to.destination_port)


def translate(frame: bytes, headers: Headers, to: Translation) -> bytes:
    """New addresses and ports, one hop less; checksums as right or wrong as they came."""
    out = bytearray(readdress(frame, to.mac))
    at, size = headers.network, len(to.source)
    out[at + (8 if headers.version == 4 else 7)] -= 1
    addresses = at + (12 if headers.version == 4 else 8)
    out[addresses : addresses + 2 * size] = to.source + to.destination
    put_ports(out, headers, to)
    after = headers._replace(source=to.source, destination=to.destination)
    if headers.version == 4:
        put_network_checksum(out, after, network_sum(frame, headers))
    if has_checksum(frame, headers):
        put_transport_checksum(out, after, transport_sum(frame, headers))
    return bytes(out)


# --- tunnels ----------------------------------------------------------------------------------


def repaired(frame: bytes, headers: Headers) -> bytes:
    """Return the packet inside with checksums that are right: the outer one is as if they were."""
    out = bytearray(frame)
    if headers.version == 4:
        put_network_checksum(out, headers, 0)
    put_transport_checksum(out, headers, 0)
    return bytes(out[headers.network : headers.end])


def can_be_summed(frame: bytes, headers: Headers) -> bool:
    """Do the packet's own checksums cover all of it?"""
    if headers.has_extensions or not has_checksum(frame, headers):
        return False
    length = headers.end - headers.transport
    return headers.protocol != UDP or word_at(frame, headers.transport + 4) == length


def traffic_class(frame: bytes, headers: Headers) -> int:
    if headers.version == 4:
        return frame[headers.network + 1]
    return word_at(frame, headers.network) >> 4 & 0xFF


def outer_header(destination: bytes, protocol: int, tos: int, length: int, hashed: int) -> bytes:
    """Return an IP header in front of *length* bytes; its source follows the flow's hash."""
    if len(destination) == 16:
        first = (6 << 28 | tos << 20).to_bytes(4, "big")
        source = bytes.fromhex("0100") + bytes(10) + hashed.to_bytes(4, "big")
        return first + pack(length) + bytes([protocol, OUTER_TTL]) + source + destination
    source = bytes([172, 16]) + pack(hashed & 0xFFFF)
    start = bytes([0x45, tos]) + pack(20 + length) + bytes.fromhex("00004000")
    start += bytes([OUTER_TTL, protocol])
    checksum = -ones_sum(start + source + destination) % 0xFFFF
    return start + pack(checksum) + source + destination


def put_in_front(frame: bytes, headers: Headers, mac: bytes, outer: bytes, version: int) -> bytes:
    """VLAN tags stay in front, padding behind."""
    link = bytearray(readdress(frame, mac)[: headers.network])
    put_word(link, headers.network - 2, IPV4 if version == 4 else IPV6)
    return bytes(link) + outer + frame[headers.network :]


def wrap_ipip(frame: bytes, headers: Headers, destination: bytes, mac: bytes, hashed: int) -> bytes:
    length = headers.end - headers.network
    protocol = 4 if headers.version == 4 else 41
    tos = traffic_class(frame, headers)
    outer = outer_header(destination, protocol, tos, length, hashed)
    return put_in_front(frame, headers, mac, outer, 4 if len(destination) == 4 else 6)


def wrap_gue(frame: bytes, headers: Headers, destination: bytes, mac: bytes, hashed: int) -> bytes:
    """GUE variant 1: the packet follows a UDP header at once."""
    length = 8 + headers.end - headers.network
    udp = pack(0xC000 | hashed & 0x3FFF) + pack(GUE_PORT) + pack(length) + bytes(2)
    outer = outer_header(destination, UDP, traffic_class(frame, headers), length, hashed)
    if len(destination) == 16:
        pseudo = outer[8:40] + bytes([0, UDP]) + pack(length)
        checksum = -ones_sum(pseudo + udp + repaired(frame, headers)) % 0xFFFF
        udp = udp[:6] + pack(checksum or 0xFFFF)
    return put_in_front(frame, headers, mac, outer + udp, 4 if len(destination) == 4 else 6)


def has_right_sums(frame: bytes, network: int, version: int) -> bool:
    """Are the IP and transport checksums of the packet at *network* right?"""
    headers = read_ipv4(frame, network) if version == 4 else read_ipv6(frame, network)
    if isinstance(headers, str):
        return False
    if headers.version == 4 and network_sum(frame, headers):
        return False
    return not has_checksum(frame, headers) or not transport_sum(frame, headers)
