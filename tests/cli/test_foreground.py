# SPDX-License-Identifier: BSD-2-Clause
"""``--foreground``: a process that watches; the balancing does not need it."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cli.stand import BACKENDS, PATIENCE_S, XDPLB, Stand, wait_until, who_answers


@contextmanager
def in_foreground(stand: Stand, output: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Attach in the foreground, printing to *output*, and wait until events are read."""
    words = [XDPLB, "attach", "veth6", *BACKENDS, "--foreground", "--netns", stand.lb]
    with output.open("w") as file, subprocess.Popen(words, stdout=file) as process:
        try:
            wait_until(stand.folder().exists, "attached")
            with stand.plane() as plane:
                wait_until(lambda: plane.switches().events_until_ns > 0, "events are told")
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_foreground_prints_events_and_detaches_when_told_to(
    stand: Stand, number: signal.Signals, tmp_path: Path
) -> None:
    before = stand.traces()
    output = tmp_path / "output"
    with in_foreground(stand, output) as process:
        stand.ask(1)
        wait_until(lambda: "new     tcp 10.0.0.1:" in output.read_text(), "an event is printed")
        os.kill(process.pid, number)
        assert process.wait(PATIENCE_S) == 0
    assert output.read_text().endswith("veth6: xdplb is detached\n")
    assert stand.traces() == before


def test_foreground_ends_when_somebody_else_detaches(stand: Stand, tmp_path: Path) -> None:
    with in_foreground(stand, tmp_path / "output") as process:
        stand.ok("detach", "veth6")
        assert process.wait(PATIENCE_S) == 0


def test_kill_of_every_process_of_ours_changes_nothing(stand: Stand, tmp_path: Path) -> None:
    with in_foreground(stand, tmp_path / "output") as process:
        connection = stand.connect()
        name = who_answers(connection)
        os.kill(process.pid, signal.SIGKILL)
        process.wait(PATIENCE_S)
        assert who_answers(connection) == name
        assert set(stand.ask(30)) == {"h2", "h3"}
        connection.close()
    stand.ok("detach", "veth6")
