# SPDX-License-Identifier: BSD-2-Clause
"""Backends come and go, and the program is swapped, while requests run."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from lab.attachment import INTERFACE, Attach
from lab.events_running import EventReader
from lab.kept import kept_connections, stays
from lab.requests_running import RunningRequests
from lab.stand import Lab
from lab.wire import KeptConnection

from xdplb.lab.bodies import body_sha256

WEB = "10.0.0.10:80/tcp"
TWO = ("10.0.0.2", "10.0.0.3")
THREE = (*TWO, "10.0.0.4")
BIG = 100 << 20
IMPATIENT_S = 4


def test_backend_added_while_requests_run_gets_its_share_and_breaks_nothing(
    farm: Lab, attach: Attach
) -> None:
    attachment = attach(farm, *TWO, "--port", "80")
    with kept_connections(farm) as kept, RunningRequests(farm) as running:
        assert set(kept.values()) == {"h2", "h3"}
        assert running.next(50).keys() == {"h2", "h3"}
        attachment.xdplb("backend", "add", WEB, "10.0.0.4")
        shares = running.next(300)
        assert all(stays(one, host) for one, host in kept.items())
    assert running.failures == []
    assert shares.keys() == {"h2", "h3", "h4"}, "as soon as the command has returned"
    assert shares["h4"] >= 50
    assert attachment.drops() == {}


def test_one_tcp_connection_never_changes_its_backend_whatever_is_added(
    farm: Lab, attach: Attach
) -> None:
    attachment = attach(farm, "10.0.0.2", "--port", "80")
    changes = [
        ("backend", "add", WEB, "10.0.0.3"),
        ("backend", "add", WEB, "10.0.0.4"),
        ("backend", "set", WEB, "10.0.0.2", "--weight", "0"),
        ("service", "set", WEB, "--scheduler", "hash"),
        ("attach", INTERFACE, "--replace"),
        ("backend", "remove", WEB, "10.0.0.3"),
    ]
    with KeptConnection(farm) as connection:
        first = connection.ask()
        for change in changes:
            attachment.xdplb(*change)
            assert {connection.ask() for _ in range(30)} == {first}, change
    assert first.host == "h2"


def test_download_goes_on_while_backends_come_and_go(farm: Lab, attach: Attach) -> None:
    attachment = attach(farm, "10.0.0.2", "--port", "80")
    with KeptConnection(farm) as connection, ThreadPoolExecutor(1) as pool:
        downloading = pool.submit(connection.download, BIG)
        for _ in range(3):
            attachment.xdplb("backend", "add", WEB, "10.0.0.3", "10.0.0.4")
            attachment.xdplb("backend", "remove", WEB, "10.0.0.3", "10.0.0.4")
        assert downloading.result() == (body_sha256(BIG),) * 2


def test_only_connections_of_the_removed_backend_break(farm: Lab, attach: Attach) -> None:
    attachment = attach(farm, *THREE, "--port", "80")
    with (
        EventReader(attachment) as events,
        kept_connections(farm) as kept,
        RunningRequests(farm, patience_s=IMPATIENT_S) as running,
    ):
        assert set(kept.values()) == {"h2", "h3", "h4"}
        attachment.xdplb("backend", "remove", WEB, "10.0.0.3")
        after = running.next(300)
        broken = {host for one, host in kept.items() if not stays(one, host)}
        failed = [events.backends_of(ended.source_port) for ended in running.failures]
    assert after.keys() == {"h2", "h4"}, "once the command has returned every request is answered"
    assert broken <= {"h3"}
    assert all("10.0.0.3" in given for given in failed), failed


def test_removed_backend_may_come_back_while_requests_run(farm: Lab, attach: Attach) -> None:
    attachment = attach(farm, *TWO, "--port", "80")
    with RunningRequests(farm, patience_s=IMPATIENT_S) as running:
        for _ in range(3):
            attachment.xdplb("backend", "remove", WEB, "10.0.0.3")
            assert running.next(60).keys() == {"h2"}
            attachment.xdplb("backend", "add", WEB, "10.0.0.3")
            assert running.next(60).keys() == {"h2", "h3"}
    assert attachment.backends() == set(TWO)


def test_backend_of_weight_zero_keeps_its_connections_and_gets_no_new_ones(
    farm: Lab, attach: Attach
) -> None:
    attachment = attach(farm, *TWO, "--port", "80")
    with kept_connections(farm) as kept, RunningRequests(farm) as running:
        attachment.xdplb("backend", "set", WEB, "10.0.0.3", "--weight", "0")
        assert running.next(100) == {"h2": 100}
        assert all(stays(one, host) for one, host in kept.items())
    assert running.failures == []


def test_replace_while_requests_run_fails_none(farm: Lab, attach: Attach) -> None:
    attachment = attach(farm, *TWO, "--port", "80")
    programs = {attachment.status()["program_id"]}
    with (
        kept_connections(farm) as kept,
        RunningRequests(farm) as running,
        KeptConnection(farm) as loading,
        ThreadPoolExecutor(1) as pool,
    ):
        downloading = pool.submit(loading.download, BIG)
        for _ in range(5):
            attachment.xdplb("attach", INTERFACE, "--replace")
            assert running.next(50).keys() == {"h2", "h3"}
            programs.add(attachment.status()["program_id"])
        assert all(stays(one, host) for one, host in kept.items())
        assert downloading.result() == (body_sha256(BIG),) * 2
    assert running.failures == []
    assert len(programs) == 6, "each was another program"
    assert attachment.drops() == {}


def test_replace_with_other_backends_breaks_no_connection_of_those_that_stay(
    farm: Lab, attach: Attach
) -> None:
    attachment = attach(farm, *TWO, "--port", "80")
    with kept_connections(farm) as kept, RunningRequests(farm, patience_s=IMPATIENT_S) as running:
        attachment.xdplb("attach", INTERFACE, "10.0.0.2", "10.0.0.4", "--port", "80", "--replace")
        assert running.next(200).keys() == {"h2", "h4"}
        assert all(stays(one, host) for one, host in kept.items() if host == "h2")
    assert attachment.backends() == {"10.0.0.2", "10.0.0.4"}
