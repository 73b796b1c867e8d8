# SPDX-License-Identifier: BSD-2-Clause
"""Sockets that live in a lab's hosts, both ends of a connection in the hands of one test.

A socket belongs to the network namespace that it was made in, whoever uses it later.
"""

from __future__ import annotations

import hashlib
import socket
from http.client import HTTPConnection
from typing import NamedTuple, Self

from lab.attachment import VIP
from lab.stand import Lab

from xdplb.bpf import network_namespace

# Long enough for several retransmissions, so that a refusal is told from a lost packet.
PATIENCE_S = 20


def family_of(address: str) -> socket.AddressFamily:
    """Return the family of a numeric address."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def socket_in(
    lab: Lab,
    host: str,
    port: int = 0,
    kind: socket.SocketKind = socket.SOCK_STREAM,
    family: socket.AddressFamily = socket.AF_INET,
) -> socket.socket:
    """Return a socket of *host*, bound to *port* there unless that is 0."""
    with network_namespace(lab.namespace(host)):
        one = socket.socket(family, kind)
    one.settimeout(PATIENCE_S)
    if port:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.bind(("", port))
    return one


def udp_socket_in(
    lab: Lab, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
) -> socket.socket:
    """Return a UDP socket of *host*, bound to *port* there unless that is 0."""
    return socket_in(lab, host, port, socket.SOCK_DGRAM, family)


def listen_in(lab: Lab, host: str, port: int) -> socket.socket:
    """Return a listening socket of *host*."""
    one = socket_in(lab, host, port)
    one.listen(128)
    return one


def connect_from(
    lab: Lab, host: str, port: int, source_port: int = 0, vip: str = VIP
) -> socket.socket:
    """Return a TCP connection from *host* to *port* of the VIP."""
    one = socket_in(lab, host, source_port, family=family_of(vip))
    try:
        one.connect((vip, port))
    except BaseException:
        one.close()
        raise
    return one


def read_all(one: socket.socket) -> bytes:
    """Read until the other side shuts down its writing."""
    pieces = []
    while piece := one.recv(1 << 16):
        pieces.append(piece)
    return b"".join(pieces)


def read_exactly(one: socket.socket, size: int) -> bytes:
    """Read *size* bytes."""
    taken = bytearray()
    while len(taken) < size:
        piece = one.recv(size - len(taken))
        assert piece, f"ended after {len(taken)} bytes of {size}"
        taken += piece
    return bytes(taken)


class Answered(NamedTuple):
    """Who answered a request, and as whom the asker was seen there."""

    host: str
    client: str


class KeptConnection:
    """One HTTP connection to the VIP that is never opened again by itself."""

    def __init__(self, lab: Lab, host: str = "client", port: int = 80, vip: str = VIP) -> None:
        self._socket = connect_from(lab, host, port, vip=vip)
        self._http = HTTPConnection(vip, port)
        self._http.auto_open = 0
        self._http.sock = self._socket

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close it; it may be closed already."""
        self._http.close()
        self._socket.close()

    def ask(self, path: str = "/name") -> Answered:
        """Send one more request and tell who answered.

        :raises OSError: if the connection breaks
        """
        return self._send("GET", path)[0]

    def digest(self, payload: bytes) -> str:
        """Send *payload* and return the SHA-256 that it had over there."""
        return self._send("POST", "/", payload)[1].decode().strip()

    def download(self, size: int) -> tuple[str, str]:
        """Fetch *size* bytes; return their SHA-256, and what the server says it is."""
        self._http.request("GET", f"/bytes/{size}")
        answer, seen = self._http.getresponse(), hashlib.sha256()
        while piece := answer.read(1 << 18):
            seen.update(piece)
        return seen.hexdigest(), answer.headers["X-SHA256"]

    def _send(self, method: str, path: str, body: bytes | None = None) -> tuple[Answered, bytes]:
        self._http.request(method, path, body)
        answer = self._http.getresponse()
        text = answer.read()
        assert answer.status == 200, text
        return Answered(answer.headers["X-Host"], answer.headers["X-Client"]), text
