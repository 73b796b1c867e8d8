# SPDX-License-Identifier: BSD-2-Clause
"""Datagrams of every size, and an any-port service that many ports are asked of."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from lab.attachment import VIP, Attachment, attached
from lab.stand import Lab
from lab.wire import udp_socket_in

PORT = 9000
# asm-generic/socket.h; the socket module doesn't have it.
SO_NO_CHECK = 11


@pytest.fixture(scope="module")
def balancer(lab: Lab) -> Iterator[Attachment]:
    """Give out an any-port balancer in front of one backend."""
    with attached(lab, "10.0.0.2") as attachment:
        yield attachment


@pytest.fixture
def server(balancer: Attachment) -> Iterator[socket.socket]:
    """Give out a socket of the backend."""
    with udp_socket_in(balancer.lab, "h2", PORT) as one:
        yield one


@pytest.fixture
def client(balancer: Attachment) -> Iterator[socket.socket]:
    """Give out a socket of the client."""
    with udp_socket_in(balancer.lab, "client") as one:
        yield one


@pytest.mark.parametrize("size", [0, 1, 2, 3, 1471, 1472])
def test_datagram_of_any_size_that_fits_a_frame_goes_there_and_back(
    client: socket.socket, server: socket.socket, size: int
) -> None:
    payload = bytes(number % 251 for number in range(size))
    client.sendto(payload, (VIP, PORT))
    arrived, seen = server.recvfrom(2000)
    assert arrived == payload
    assert seen[0] == VIP, "the backend answers the balancer"
    server.sendto(arrived[::-1], seen)
    assert client.recvfrom(2000) == (payload[::-1], (VIP, PORT))


def test_datagram_without_a_checksum_arrives(client: socket.socket, server: socket.socket) -> None:
    client.setsockopt(socket.SOL_SOCKET, SO_NO_CHECK, 1)
    client.sendto(b"unchecked", (VIP, PORT))
    assert server.recv(100) == b"unchecked"


def test_client_asks_an_any_port_service_on_several_ports(
    balancer: Attachment, client: socket.socket
) -> None:
    for port in (53, 5353, 20000, 40000, 65535):
        with udp_socket_in(balancer.lab, "h2", port) as server:
            client.sendto(b"to %d" % port, (VIP, port))
            asked, seen = server.recvfrom(100)
            server.sendto(asked, seen)
        assert client.recvfrom(100) == (b"to %d" % port, (VIP, port))
