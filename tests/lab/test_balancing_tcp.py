# SPDX-License-Identifier: BSD-2-Clause
"""What TCP can do, it can do through the balancer: the test holds both ends of the connection."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator

import pytest
from lab.attachment import Attachment, attached
from lab.stand import Lab
from lab.wire import connect_from, listen_in, read_all, read_exactly

PORT = 9000
Ends = tuple[socket.socket, socket.socket]
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@pytest.fixture(scope="module")
def balanced(lab: Lab) -> Iterator[Lab]:
    """Give out the lab with an any-port balancer in front of one backend."""
    with attached(lab, "10.0.0.2"):
        yield lab


@pytest.fixture
def listener(balanced: Lab) -> Iterator[socket.socket]:
    """Give out a listening socket on the backend."""
    with listen_in(balanced, "h2", PORT) as one:
        yield one


@pytest.fixture
def ends(balanced: Lab, listener: socket.socket) -> Iterator[Ends]:
    """Give out the client's and the server's end of one connection."""
    with connect_from(balanced, "client", PORT) as client:
        server = accept(listener)
        with server:
            yield client, server


def accept(listener: socket.socket) -> socket.socket:
    """Take the next connection."""
    server, _ = listener.accept()
    server.settimeout(listener.gettimeout())
    return server


@pytest.mark.parametrize("size", [1, 3, 535, 1447, 1449, 2897, 65537, 1_000_001])
def test_odd_sized_payload_arrives_in_both_directions(ends: Ends, size: int) -> None:
    client, server = ends
    for sender, receiver, payload in (
        (client, server, bytes(range(1, 252)) * (size // 251 + 1)),
        (server, client, bytes(range(251, 0, -1)) * (size // 251 + 1)),
    ):
        sending = threading.Thread(target=sender.sendall, args=(payload[:size],))
        sending.start()
        assert read_exactly(receiver, size) == payload[:size]
        sending.join()


def test_urgent_byte_and_single_bytes_arrive_in_order(ends: Ends) -> None:
    client, server = ends
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
    for number in range(100):
        client.sendall(bytes([number]))
    client.send(b"!", socket.MSG_OOB)
    assert read_exactly(server, 101) == bytes(range(100)) + b"!"


def test_server_answers_after_the_client_has_shut_down_its_writing(ends: Ends) -> None:
    client, server = ends
    client.sendall(b"that is all")
    client.shutdown(socket.SHUT_WR)
    assert read_all(server) == b"that is all"
    answer = b"then hear this" * 100_000
    sending = threading.Thread(target=server.sendall, args=(answer,))
    sending.start()
    assert read_exactly(client, len(answer)) == answer
    sending.join()
    server.close()
    assert read_all(client) == b""


def test_client_goes_on_sending_after_the_server_has_shut_down_its_writing(ends: Ends) -> None:
    client, server = ends
    server.sendall(b"bye")
    server.shutdown(socket.SHUT_WR)
    assert read_all(client) == b"bye"
    client.sendall(b"x" * 100_001)
    client.close()
    assert read_all(server) == b"x" * 100_001


@pytest.mark.parametrize("resetting", ["client", "server"])
def test_reset_by_either_side_reaches_the_other(ends: Ends, resetting: str) -> None:
    client, server = ends
    one, other = (client, server) if resetting == "client" else (server, client)
    one.sendall(b"so far")
    assert read_exactly(other, 6) == b"so far"
    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    one.close()
    with pytest.raises(ConnectionResetError):
        other.recv(1)


def test_port_that_nobody_listens_on_is_refused_by_the_backend(balanced: Lab) -> None:
    with pytest.raises(ConnectionRefusedError):
        connect_from(balanced, "client", 9999)


@pytest.mark.parametrize("ending", ["closed by the server", "reset by the client"])
def test_source_port_is_good_for_a_new_connection_once_the_old_one_has_ended(
    balanced: Lab, listener: socket.socket, ending: str
) -> None:
    for number in range(5):
        client = connect_from(balanced, "client", PORT, source_port=41000)
        with client, accept(listener) as server:
            client.sendall(b"number %d" % number)
            assert read_exactly(server, 8) == b"number %d" % number
            if ending == "closed by the server":
                server.close()
                assert read_all(client) == b""
            else:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
                client.close()
                with pytest.raises(ConnectionResetError):
                    server.recv(1)


def test_any_port_service_keeps_the_port_that_the_client_asked_for(balanced: Lab) -> None:
    assert balanced.get("client", "http://10.0.0.10/name") == "h2\n"
    for port in (1024, 8080, 20000, 33000, 65535):
        with (
            listen_in(balanced, "h2", port) as listener,
            connect_from(balanced, "client", port) as client,
            accept(listener) as server,
        ):
            assert server.getsockname() == ("10.0.0.2", port)
            client.sendall(b"?")
            server.sendall(read_exactly(server, 1))
            assert read_exactly(client, 1) == b"?"


def test_backend_with_a_port_of_its_own_gets_the_connections_there(balanced: Lab) -> None:
    service = "10.0.0.10:443/tcp"
    balancer = Attachment(balanced)
    balancer.xdplb("service", "add", service, "10.0.0.3:9001")
    with (
        listen_in(balanced, "h3", 9001) as listener,
        connect_from(balanced, "client", 443) as client,
        accept(listener) as server,
    ):
        server.sendall(b"here")
        assert read_exactly(client, 4) == b"here"
        assert client.getpeername() == ("10.0.0.10", 443)
    balancer.xdplb("service", "remove", service)
