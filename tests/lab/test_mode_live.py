# SPDX-License-Identifier: BSD-2-Clause
"""Backends come and go in the modes that remember no connection while nothing moves."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from lab.attachment import Attach
from lab.families import Family
from lab.kept import kept_connections, stays
from lab.requests_running import RunningRequests
from lab.returning import IPV4, IPV6
from lab.stand import Lab

pytestmark = pytest.mark.usefixtures("decapsulators")
IMPATIENT_S = 4


class Way(NamedTuple):
    """A mode, the clients' family and the backends'."""

    mode: str
    family: Family
    places: Family

    def __str__(self) -> str:
        return f"{self.mode} {self.family} by {self.places}"

    @property
    def service(self) -> str:
        return f"{self.family.host}:80/tcp"

    def words(self, count: int) -> tuple[str, ...]:
        """Return what is attached: the first *count* backends."""
        where = ("--vip", self.family.vip, "--port", "80")
        return (*self.places.backends[:count], *where, "--mode", self.mode)


EACH = (
    Way("dsr", IPV4, IPV4),
    Way("dsr", IPV6, IPV6),
    Way("ipip", IPV4, IPV4),
    Way("ipip", IPV6, IPV4),
    Way("gue", IPV4, IPV6),
)
WAYS = pytest.mark.parametrize("way", EACH, ids=str)


@WAYS
def test_backend_added_gets_its_share_and_no_connection_breaks(
    direct_return: Lab, attach: Attach, way: Way
) -> None:
    attachment, vip = attach(direct_return, *way.words(2)), way.family.vip
    with (
        kept_connections(direct_return, vip=vip) as kept,
        RunningRequests(direct_return, vip=vip) as running,
    ):
        assert set(kept.values()) == {"h2", "h3"}
        attachment.xdplb("backend", "add", way.service, way.places.backends[2])
        shares = running.next(200)
        assert all(stays(one, host) for one, host in kept.items())
    assert running.failures == []
    assert shares.keys() == {"h2", "h3", "h4"}, "as soon as the command has returned"
    assert shares["h4"] >= 30
    assert attachment.drops() == {}


@WAYS
def test_backend_removed_loses_its_connections_and_no_other_does(
    direct_return: Lab, attach: Attach, way: Way
) -> None:
    attachment, vip = attach(direct_return, *way.words(3)), way.family.vip
    with (
        kept_connections(direct_return, vip=vip) as kept,
        RunningRequests(direct_return, patience_s=IMPATIENT_S, vip=vip) as running,
    ):
        assert set(kept.values()) == {"h2", "h3", "h4"}
        attachment.xdplb("backend", "remove", way.service, way.places.backends[1])
        after = running.next(200)
        broken = {one for one, host in kept.items() if not stays(one, host)}
    assert after.keys() == {"h2", "h4"}, "once the command has returned nobody asks h3"
    # Whoever gets its packets now knows of no such connection, and resets it.
    assert broken == {one for one, host in kept.items() if host == "h3"}
    assert attachment.drops() == {}


@pytest.mark.parametrize("way", EACH[1:3], ids=str)
def test_backends_that_come_and_go_again_and_again_leave_the_others_connections_alone(
    direct_return: Lab, attach: Attach, way: Way
) -> None:
    attachment, vip = attach(direct_return, *way.words(2)), way.family.vip
    added = way.places.backends[2]
    with kept_connections(direct_return, vip=vip) as kept:
        for _ in range(3):
            attachment.xdplb("backend", "add", way.service, added)
            with kept_connections(direct_return, vip=vip) as younger:
                assert set(younger.values()) == {"h2", "h3", "h4"}
                attachment.xdplb("backend", "set", way.service, added, "--weight", "0")
                assert all(stays(one, host) for one, host in younger.items())
            attachment.xdplb("backend", "remove", way.service, added)
            assert all(stays(one, host) for one, host in kept.items())
