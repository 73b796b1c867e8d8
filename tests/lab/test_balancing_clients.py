# SPDX-License-Identifier: BSD-2-Clause
"""Clients on different hosts that use the same source ports at the same time stay apart."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from lab.attachment import VIP, Attach
from lab.stand import Lab
from lab.wire import PATIENCE_S, read_all, socket_in, udp_socket_in

BACKENDS = ("10.0.0.2", "10.0.0.3")
CLIENTS = {"client": "10.0.0.1", "client2": "10.0.0.4"}
PORTS = range(40000, 40032)
# 64 clients: every port on both hosts.
ASKERS = [(host, port) for port in PORTS for host in CLIENTS]


@pytest.mark.parametrize("services", [(), ("--port", "80")], ids=["any port", "port 80"])
def test_64_parallel_clients_on_two_hosts_with_the_same_ports_each_get_their_own_answer(
    two_clients: Lab, attach: Attach, services: tuple[str, ...]
) -> None:
    attachment = attach(two_clients, *BACKENDS, *services)
    together = Barrier(len(ASKERS), timeout=PATIENCE_S)

    def ask(asker: tuple[str, int]) -> tuple[bytes, bytes]:
        host, port = asker
        payload = f"{host}:{port} ".encode() * 500
        with socket_in(two_clients, host, port) as one:
            one.connect((VIP, 80))
            together.wait()  # all are connected before the first one asks
            one.sendall(request_for(payload))
            head, _, body = read_all(one).partition(b"\r\n\r\n")
            together.wait()  # and none is closed before the last has its answer
        assert body.decode().strip() == hashlib.sha256(payload).hexdigest()
        return header(head, b"X-Host"), header(head, b"X-Client")

    with ThreadPoolExecutor(len(ASKERS)) as pool:
        answers = list(pool.map(ask, ASKERS))
    assert len(set(answers)) == len(ASKERS) == 64, "no two were the same to a backend"
    assert {host for host, _ in answers} == {b"h2", b"h3"}
    assert all(client.startswith(VIP.encode()) for _, client in answers)
    assert attachment.drops() == {}


def test_connection_table_shows_both_clients_of_each_port(two_clients: Lab, attach: Attach) -> None:
    attachment = attach(two_clients, *BACKENDS, "--port", "80")
    sockets = [socket_in(two_clients, host, port) for host, port in ASKERS]
    for one in sockets:
        one.connect((VIP, 80))
    (service,) = attachment.status()["services"]
    listed = attachment.xdplb("connections", "list").splitlines()
    for one in sockets:
        one.close()
    assert service["active_connections"] == len(ASKERS)
    shown = {line.split()[1] for line in listed}
    assert {f"{CLIENTS[host]}:{port}" for host, port in ASKERS} <= shown


def test_datagrams_of_two_hosts_with_the_same_ports_come_back_to_their_own(
    two_clients: Lab, attach: Attach
) -> None:
    attachment = attach(two_clients, *BACKENDS, "--port", "7/udp")
    sockets = {asker: udp_socket_in(two_clients, *asker) for asker in ASKERS}
    for (host, port), one in sockets.items():
        one.sendto(f"{host}:{port}".encode(), (VIP, 7))
    hosts = set()
    for (host, port), one in sockets.items():
        answer, sender = one.recvfrom(100)
        answering, _, payload = answer.decode().partition(" ")
        assert payload == f"{host}:{port}"
        assert sender == (VIP, 7)
        hosts.add(answering)
    for one in sockets.values():
        one.setblocking(False)
        with pytest.raises(BlockingIOError):
            one.recv(100)  # nobody got a second one
        one.close()
    assert hosts == {"h2", "h3"}
    assert attachment.drops() == {}


def request_for(payload: bytes) -> bytes:
    """Return an HTTP request that sends *payload* and wants the connection closed."""
    head = f"POST / HTTP/1.1\r\nHost: vip\r\nContent-Length: {len(payload)}\r\n"
    return head.encode() + b"Connection: close\r\n\r\n" + payload


def header(head: bytes, name: bytes) -> bytes:
    """Return one header of an HTTP answer."""
    found = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:])
    return found[name]
