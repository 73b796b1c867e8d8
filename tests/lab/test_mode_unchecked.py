# SPDX-License-Identifier: BSD-2-Clause
"""Datagrams without a checksum, which IPv4 allows, in every mode that leaves them as they are."""

from __future__ import annotations

import socket

import pytest
from lab.attachment import Attach
from lab.returning import IPV4, TUNNELS, Decapsulators, Tunnel
from lab.stand import Lab
from lab.wire import udp_socket_in

# asm-generic/socket.h; the socket module doesn't have it.
SO_NO_CHECK = 11


@pytest.mark.parametrize("tunnel", [one for one in TUNNELS if one.inner is IPV4], ids=str)
def test_datagram_without_a_checksum_arrives_but_not_where_its_gue_header_needs_one(
    tunnel: Tunnel, direct_return: Lab, decapsulators: Decapsulators, attach: Attach
) -> None:
    """Its sum would have to be read from all of it; RFC 8200 asks for one over IPv6."""
    words = ("--vip", IPV4.vip, "--mode", tunnel.mode, "--port", "7/udp")
    attachment = attach(direct_return, tunnel.outer.backends[0], *words)
    decapsulators.clear()
    with udp_socket_in(direct_return, "client") as asker:
        asker.setsockopt(socket.SOL_SOCKET, SO_NO_CHECK, 1)
        asker.sendto(b"unchecked", (IPV4.vip, 7))
        asker.setsockopt(socket.SOL_SOCKET, SO_NO_CHECK, 0)
        asker.sendto(b"checked", (IPV4.vip, 7))
        if str(tunnel) == "gue 4in6":
            assert asker.recv(100) == b"h2 checked"
            assert attachment.drops() == {"drop_no_checksum": 1}
        else:
            assert asker.recv(100) == b"h2 unchecked"
            assert asker.recv(100) == b"h2 checked"
            assert attachment.drops() == {}
    assert "wrong" not in decapsulators.arrivals("h2")
