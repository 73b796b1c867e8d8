# SPDX-License-Identifier: BSD-2-Clause
"""Modes ipip and gue: either family inside either, decapsulated for real at the backends."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from lab.attachment import Attachment, attached
from lab.families import (
    MEGABYTE,
    arrives_intact,
    counted_bytes,
    echoes,
    names_of_answers,
    seen_client,
)
from lab.returning import IPV6, TUNNELS, Decapsulators, Tunnel
from lab.stand import Lab
from lab.wire import KeptConnection


class Tunnelled(NamedTuple):
    """A balancer that sends through *tunnel* to h2 and h3."""

    tunnel: Tunnel
    attachment: Attachment
    decapsulators: Decapsulators

    def arrivals(self) -> dict[str, dict[str, int]]:
        """Return host → tunnel's packets that came there, after checking that none was wrong."""
        seen = {host: self.decapsulators.arrivals(host) for host in ("h2", "h3", "h4")}
        for arrived in seen.values():
            arrived.pop("plain", None)
        assert set().union(*seen.values()) <= {str(self.tunnel)}
        return seen


@pytest.fixture(scope="module", params=TUNNELS, ids=str)
def tunnelled(
    request: pytest.FixtureRequest, direct_return: Lab, decapsulators: Decapsulators
) -> Iterator[Tunnelled]:
    """Give out a balancer for each way to pack a packet."""
    tunnel: Tunnel = request.param
    words = ("--vip", tunnel.inner.vip, "--mode", tunnel.mode, "--port", "80", "--port", "7/udp")
    decapsulators.clear()
    with attached(direct_return, *tunnel.outer.backends[:2], *words) as attachment:
        yield Tunnelled(tunnel, attachment, decapsulators)


def test_requests_are_spread_over_both_backends(tunnelled: Tunnelled) -> None:
    names = names_of_answers(tunnelled.attachment.lab, tunnelled.tunnel.inner, 100)
    assert len(names) == 100
    assert min(names.count("h2"), names.count("h3")) >= 20
    arrivals = tunnelled.arrivals()
    # SYN, its acknowledgement and the request at least.
    for host in ("h2", "h3"):
        assert arrivals[host][str(tunnelled.tunnel)] >= 3 * names.count(host)
    assert tunnelled.attachment.drops() == {}


def test_everything_sent_arrives_and_in_the_tunnel_of_that_mode(tunnelled: Tunnelled) -> None:
    before = sum(sum(one.values()) for one in tunnelled.arrivals().values())
    verdict = f"tx_{tunnelled.tunnel.mode}"
    sent = tunnelled.attachment.verdicts().get(verdict, 0)
    echoes(tunnelled.attachment.lab, tunnelled.tunnel.inner, [b"one"] * 20)
    assert tunnelled.attachment.verdicts()[verdict] == sent + 20
    assert sum(sum(one.values()) for one in tunnelled.arrivals().values()) == before + 20


def test_backend_sees_the_clients_own_address(tunnelled: Tunnelled) -> None:
    inner = tunnelled.tunnel.inner
    assert seen_client(tunnelled.attachment.lab, inner) == inner.peer


def test_download_is_intact_and_none_of_it_passes_the_balancer(tunnelled: Tunnelled) -> None:
    attachment = tunnelled.attachment
    before = counted_bytes(attachment)
    assert arrives_intact(attachment.lab, tunnelled.tunnel.inner, 5 * MEGABYTE)
    assert 0 < counted_bytes(attachment) - before < MEGABYTE
    assert "tx_reply" not in attachment.verdicts()
    assert attachment.drops() == {}


def test_upload_in_full_frames_is_intact(tunnelled: Tunnelled) -> None:
    payload = bytes(range(251)) * 10_000
    with KeptConnection(tunnelled.attachment.lab, vip=tunnelled.tunnel.inner.vip) as connection:
        assert connection.digest(payload) == hashlib.sha256(payload).hexdigest()
    tunnelled.arrivals()


def test_datagrams_of_every_length_are_echoed(tunnelled: Tunnelled) -> None:
    inner = tunnelled.tunnel.inner
    # An answer has the host's name and a blank in front, and must fit the client's MTU.
    largest = 1400 - (40 if inner is IPV6 else 20) - 8 - len("h2 ")
    payloads = [bytes(size) for size in (0, 1, 2, 3, 4, 5, 64, 1023, largest - 1, largest)]
    answers = echoes(tunnelled.attachment.lab, inner, payloads)
    assert [payload for _, payload in answers] == payloads
    tunnelled.arrivals()
    assert tunnelled.attachment.drops() == {}
