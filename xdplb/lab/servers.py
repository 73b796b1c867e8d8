# SPDX-License-Identifier: BSD-2-Clause
"""The program that answers in a lab's host: ``python -m xdplb.lab.servers HOST http=80 ...``.

``http`` is HTTP/1.1, connections kept:

- ``GET /`` names the host and the client's address as seen here; ``GET /name`` just the host;
- ``GET /bytes/N`` answers N bytes (:mod:`xdplb.lab.bodies`), their digest in ``X-SHA256``;
- ``POST /`` or ``PUT /`` answers the SHA-256 of what was sent.

Every answer carries ``X-Host`` and ``X-Client``. ``udp-echo`` answers a datagram with the host's
name, a blank and the datagram.

It says ``ready`` on standard output once all of them accept, and stays only if it then reads
``stay`` on standard input: a server whose lab could not note it down ends by itself.
"""

from __future__ import annotations

import hashlib
import socket
import sys
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from xdplb.lab.bodies import body_blocks, body_sha256

LARGEST_BODY_BYTES = 4 << 30
LARGEST_DATAGRAM_BYTES = 65535
# linux/in.h; the socket module of Python 3.11 doesn't have it.
IP_PKTINFO = getattr(socket, "IP_PKTINFO", 8)
ANCILLARY_BYTES = socket.CMSG_SPACE(20)


class NamingHandler(BaseHTTPRequestHandler):
    """Answers with the name of the host it runs on."""

    protocol_version = "HTTP/1.1"
    server: NamingServer
    # Head and body leave in one segment, and at once.
    wbufsize = 65536
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """Answer ``/``, ``/name`` or ``/bytes/N``; else 404."""
        words = self.path.partition("?")[0].strip("/").split("/")
        host = self.server.host
        match words:
            case [""]:
                self._answer(f"{host} answers {self._client()}\n".encode())
            case ["name"]:
                self._answer(f"{host}\n".encode())
            case ["bytes", size] if size.isdecimal() and int(size) <= LARGEST_BODY_BYTES:
                self._answer_body(int(size))
            case _:
                reason = f"{host}: {self.path}: no such page; there are /, /name and /bytes/N\n"
                self._answer(reason.encode(), HTTPStatus.NOT_FOUND)

    do_HEAD = do_GET  # noqa: N815 (http.server looks for that name)

    def do_POST(self) -> None:
        """Answer the SHA-256 of the request's body."""
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal():
            self.close_connection = True
            self._answer(b"say how long it is (Content-Length)\n", HTTPStatus.LENGTH_REQUIRED)
            return
        digest, missing = hashlib.sha256(), int(length)
        while missing and (piece := self.rfile.read(min(missing, LARGEST_DATAGRAM_BYTES))):
            digest.update(piece)
            missing -= len(piece)
        self._answer(f"{digest.hexdigest()}\n".encode())

    do_PUT = do_POST  # noqa: N815

    def handle_expect_100(self) -> bool:
        """Say "go on" at once: the client waits for it, and we are buffered."""
        go_on = super().handle_expect_100()
        self.wfile.flush()
        return go_on

    def _answer(self, body: bytes, status: HTTPStatus = HTTPStatus.OK) -> None:
        self._answer_head(len(body), status, {"Content-Type": "text/plain; charset=utf-8"})
        if self.command != "HEAD":
            self.wfile.write(body)

    def _answer_body(self, size: int) -> None:
        kind = {"Content-Type": "application/octet-stream", "X-SHA256": body_sha256(size)}
        self._answer_head(size, HTTPStatus.OK, kind)
        if self.command != "HEAD":
            for block in body_blocks(size):
                self.wfile.write(block)

    def _answer_head(self, length: int, status: HTTPStatus, headers: dict[str, str]) -> None:
        self.send_response(status)
        common = {"Content-Length": str(length), "X-Host": self.server.host}
        for name, value in {**common, "X-Client": self._client(), **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def _client(self) -> str:
        address, port = self.client_address[:2]
        address = address.removeprefix("::ffff:")
        return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing: a benchmark's million requests would fill /run."""


class NamingServer(ThreadingHTTPServer):
    """The HTTP server of *host*, listening when made."""

    daemon_threads = True
    # Many clients may come at once.
    request_queue_size = 1024

    def __init__(self, host: str, port: int) -> None:
        self.host = host
        super().__init__(("", port), NamingHandler, bind_and_activate=False)
        self.socket.close()
        self.socket = open_socket(socket.SOCK_STREAM, port)
        self.server_activate()

    def handle_error(self, request: object, client_address: object) -> None:
        """Leave out of the log that a client went away; anything else is told."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


def open_socket(kind: socket.SocketKind, port: int) -> socket.socket:
    """Return a socket bound to *port* of all addresses, of both families where there are two.

    :raises OSError: if the port is taken
    """
    try:
        one = socket.socket(socket.AF_INET6, kind)
        one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        wildcard = "::"
    except OSError:
        one, wildcard = socket.socket(socket.AF_INET, kind), "0.0.0.0"  # noqa: S104 (lab only)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.bind((wildcard, port))
    return one


def open_udp_socket(port: int) -> socket.socket:
    """Return a UDP socket that also tells to which address a datagram was sent."""
    one = open_socket(socket.SOCK_DGRAM, port)
    if one.family == socket.AF_INET6:
        one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
    else:
        one.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
    return one


def echo_forever(host: str, one: socket.socket) -> None:
    """Answer each datagram from the very address it was sent to, which may be a VIP on ``lo``."""
    while True:
        payload, arrived, _, client = one.recvmsg(LARGEST_DATAGRAM_BYTES, ANCILLARY_BYTES)
        answer = host.encode() + b" " + payload
        try:
            one.sendmsg([answer], [_sent_from(one, *item) for item in arrived], 0, client)
        except OSError as reason:
            print(f"{host}: udp-echo: {client[0]}: {reason}", file=sys.stderr, flush=True)


def _sent_from(one: socket.socket, level: int, kind: int, data: bytes) -> tuple[int, int, bytes]:
    """Turn "arrived at" into "send from", leaving the choice of the interface to the routes."""
    if one.family == socket.AF_INET6:
        # struct in6_pktinfo: address, interface
        return level, kind, data[:16] + bytes(4)
    # struct in_pktinfo: interface, local address, address in the header
    return level, kind, bytes(4) + data[4:8] + bytes(4)


def main(arguments: list[str]) -> int:
    """Serve until killed; *arguments* are the host's name and ``SERVER=PORT`` each."""
    host, *wanted = arguments
    ports = {server: int(port) for server, _, port in (one.partition("=") for one in wanted)}
    serving: list[threading.Thread] = []
    if "http" in ports:
        server = NamingServer(host, ports["http"])
        serving.append(threading.Thread(target=server.serve_forever, daemon=True))
    if "udp-echo" in ports:
        udp = open_udp_socket(ports["udp-echo"])
        serving.append(threading.Thread(target=echo_forever, args=(host, udp), daemon=True))
    for thread in serving:
        thread.start()
    print("ready", flush=True)
    if sys.stdin.readline() != "stay\n":
        return 1
    for thread in serving:
        thread.join()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
