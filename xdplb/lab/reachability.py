# SPDX-License-Identifier: BSD-2-Clause
"""Does every host reach every other? Asked with ICMP echo, all pairs at once."""

from __future__ import annotations

import select
import socket
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TypeAlias

from xdplb.bpf import network_namespace
from xdplb.lab.errors import LabError
from xdplb.lab.topology import Address, Topology

ECHO_REQUEST = {4: 8, 6: 128}
ECHO_REPLY = {4: 0, 6: 129}
AGAIN_AFTER_S = 0.2
TIMEOUT_S = 5.0
PAYLOAD = b"xdplb lab"

# By host and IP version.
Sockets: TypeAlias = dict[tuple[str, int], socket.socket]


@dataclass(frozen=True, slots=True)
class Question:
    """Does the host *asking* reach *address* of the host *asked*?"""

    asking: str
    asked: str
    address: Address


def questions(topology: Topology) -> Iterator[Question]:
    """Yield each ordered pair of hosts with every address of a family that both have."""
    for asking in topology.hosts:
        families = {address.version for address in asking.addresses}
        for asked in topology.hosts:
            for address in asked.addresses:
                if asking.name != asked.name and address.version in families:
                    yield Question(asking.name, asked.name, address)


def check_reachability(topology: Topology, prefix: str = "") -> int:
    """Ask until all have answered; return how many pairs of host and address that were.

    :raises LabError: naming who doesn't reach whom after some seconds
    """
    asked = set(questions(topology))
    sockets = _open_sockets(asked, prefix)
    try:
        silent = _ask(asked, sockets)
    finally:
        for one in sockets.values():
            one.close()
    if silent:
        pairs = sorted(f"{one.asking} -> {one.asked} ({one.address})" for one in silent)
        raise LabError(f"no answer within {TIMEOUT_S:g} s: {', '.join(pairs)}")
    return len(asked)


def _open_sockets(asked: set[Question], prefix: str) -> Sockets:
    """Open a raw ICMP socket in each asking host; a socket stays in the namespace it is made in."""
    protocols = {
        4: (socket.AF_INET, socket.IPPROTO_ICMP),
        6: (socket.AF_INET6, socket.IPPROTO_ICMPV6),
    }
    sockets: Sockets = {}
    for host, version in sorted({(one.asking, one.address.version) for one in asked}):
        family, protocol = protocols[version]
        with network_namespace(prefix + host):
            one = socket.socket(family, socket.SOCK_RAW, protocol)
        one.setblocking(False)
        sockets[host, version] = one
    return sockets


def _ask(asked: set[Question], sockets: Sockets) -> list[Question]:
    """Ask, again and again, whoever hasn't answered; return who is silent at the end."""
    silent = {(one.asking, one.address): one for one in asked}
    deadline = time.monotonic() + TIMEOUT_S
    while silent and time.monotonic() < deadline:
        for one in silent.values():
            _send_request(one, sockets[one.asking, one.address.version])
        round_ends = time.monotonic() + AGAIN_AFTER_S
        while silent and (left := round_ends - time.monotonic()) > 0:
            for answer in _answers(sockets, left):
                silent.pop(answer, None)
    return list(silent.values())


def _send_request(question: Question, one: socket.socket) -> None:
    version = question.address.version
    # The kernel fills in the checksum of ICMPv6, not that of ICMP.
    empty = struct.pack("!BBHHH", ECHO_REQUEST[version], 0, 0, 0, 0) + PAYLOAD
    checksum = internet_checksum(empty) if version == 4 else 0
    try:
        one.sendto(empty[:2] + struct.pack("!H", checksum) + empty[4:], (str(question.address), 0))
    except OSError:
        # No route, or the neighbour didn't answer the last time: the same as no answer.
        return


def _answers(sockets: Sockets, wait_s: float) -> Iterator[tuple[str, Address]]:
    """Yield who got an answer from where, waiting for *wait_s* at most."""
    owners = {one: key for key, one in sockets.items()}
    for one in select.select(list(owners), [], [], wait_s)[0]:
        host, version = owners[one]
        packet, sender = one.recvfrom(2048)
        # A raw IPv4 socket gets the IP header too.
        kind = packet[(packet[0] & 15) * 4] if version == 4 else packet[0]
        if kind == ECHO_REPLY[version] and packet.endswith(PAYLOAD):
            yield host, ip_address(sender[0])


def internet_checksum(data: bytes) -> int:
    """Return the checksum of RFC 1071 over *data*."""
    padded = data + bytes(len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
