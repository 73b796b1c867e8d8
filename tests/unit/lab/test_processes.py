# SPDX-License-Identifier: BSD-2-Clause
"""Only the very process that was started is ended, not a later one with its number."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from xdplb.lab.processes import is_running, started_ticks, stop_server
from xdplb.lab.record import ServerProcess


@pytest.fixture
def running() -> Iterator[subprocess.Popen[bytes]]:
    """A process that runs until its input ends."""
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as process:
        yield process


def server_of(process: subprocess.Popen[bytes]) -> ServerProcess:
    started = started_ticks(process.pid)
    assert started is not None
    return ServerProcess("h2", process.pid, started)


def test_server_is_ended_and_reaped(running: subprocess.Popen[bytes]) -> None:
    server = server_of(running)
    assert is_running(server)
    stop_server(server)
    assert not is_running(server)
    assert started_ticks(running.pid) is None


def test_other_process_with_the_same_number_is_left_alone(
    running: subprocess.Popen[bytes],
) -> None:
    server = server_of(running)
    earlier = ServerProcess("h2", server.pid, server.started_ticks - 1)
    stop_server(earlier)
    assert running.poll() is None
    assert not is_running(earlier)


def test_server_that_ended_by_itself_is_no_matter(running: subprocess.Popen[bytes]) -> None:
    server = server_of(running)
    running.communicate()
    stop_server(server)
    assert not is_running(server)


def test_started_ticks_are_found_behind_a_name_with_brackets() -> None:
    renamed = (
        "import sys; open('/proc/self/comm', 'w').write(') R 1 ('); print(flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", renamed], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        found = started_ticks(process.pid)
        process.communicate(b"\n")
    own = started_ticks(1)
    assert own is not None
    assert found is not None
    assert found > own
