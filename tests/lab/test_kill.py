# SPDX-License-Identifier: BSD-2-Clause
"""No packet depends on a process of ours: kill -9 of any of them, whenever, fails no request."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import ExitStack

import pytest
from lab.attachment import INTERFACE, Attach, Attachment
from lab.requests_running import RunningRequests
from lab.stand import Lab
from lab.wire import PATIENCE_S, KeptConnection

TWO = ("10.0.0.2", "10.0.0.3")
HOSTS = {"10.0.0.2": "h2", "10.0.0.3": "h3", "10.0.0.4": "h4"}
WEB = "10.0.0.10:80/tcp"
KILLED = -signal.SIGKILL


def test_kill_of_every_process_of_ours_while_requests_run_fails_none(
    farm: Lab, attach: Attach
) -> None:
    attachment = attach(farm)
    attachment.detach()
    foreground = attachment.start("attach", INTERFACE, *TWO, "--port", "80", "--foreground")
    ours = [foreground]
    try:
        read_until(foreground, "undo it with")
        with KeptConnection(farm) as kept, RunningRequests(farm) as running:
            host = kept.ask()
            ours += [attachment.start("events", *form) for form in ((), ("--json",), ())]
            for reader in ours:
                assert reader.stdout is not None
                reader.stdout.readline()  # it is at work: it has told of a connection
            ours += [attachment.start(*words) for words in BUSY for _ in range(2)]
            for one in ours:
                one.send_signal(signal.SIGKILL)
            for one in ours:
                one.wait(PATIENCE_S)
            after = running.next(200)
            assert kept.ask() == host
        assert running.failures == []
        assert after.keys() == {"h2", "h3"}
        assert attachment.drops() == {}
        attachment.xdplb("backend", "add", WEB, "10.0.0.4")
        assert attachment.backends() == set(HOSTS)
    finally:
        for one in ours:
            one.kill()
            one.communicate()


# Readers, and writers that are killed before or while they write.
BUSY = [
    ("status",),
    ("ls", "--stats"),
    ("connections", "list"),
    ("backend", "set", WEB, "10.0.0.2", "--weight", "1"),
    ("attach", INTERFACE, "--replace"),
]


def read_until(process: subprocess.Popen[str], word: str) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if word in line:
            return
    raise AssertionError(f"ended without saying {word!r}: {process.communicate()}")


@pytest.mark.parametrize(
    "words",
    [
        ("backend", "add", WEB, "10.0.0.4"),
        ("backend", "set", WEB, "10.0.0.3", "--weight", "3"),
        ("attach", INTERFACE, "--replace"),
        ("attach", INTERFACE, "10.0.0.2", "10.0.0.3", "10.0.0.4", "--port", "80", "--replace"),
    ],
    ids=["add", "set", "replace", "replace with another backend"],
)
def test_writer_killed_at_any_step_while_requests_run_fails_none(
    farm: Lab, attach: Attach, words: tuple[str, ...]
) -> None:
    attachment = attach(farm, *TWO, "--port", "80")
    kills = 0
    with KeptConnection(farm) as kept, RunningRequests(farm) as running:
        first = kept.ask()
        while run_killed(attachment, kills + 1, *words) == KILLED:
            kills += 1
            assert running.next(20).keys() <= set(HOSTS.values())
            assert kept.ask() == first
        # The last one was not killed. What it says is there has its share: nothing is half done.
        assert running.next(100).keys() == {HOSTS[one] for one in attachment.backends()}
        assert kept.ask() == first
    assert kills >= 2
    assert running.failures == []
    assert attachment.drops() == {}


def test_removal_killed_at_any_step_breaks_connections_of_the_removed_one_only(
    farm: Lab, attach: Attach
) -> None:
    attachment = attach(farm, *HOSTS, "--port", "80")
    kills = 0
    with ExitStack() as stack, RunningRequests(farm, patience_s=4) as running:
        kept = [stack.enter_context(KeptConnection(farm)) for _ in range(20)]
        staying = {one: host for one in kept if (host := one.ask().host) != "h3"}
        assert set(staying.values()) == {"h2", "h4"}
        while run_killed(attachment, kills + 1, "backend", "remove", WEB, "10.0.0.3") == KILLED:
            kills += 1
            assert None not in running.next(20)
            assert all(one.ask().host == host for one, host in staying.items())
        after = running.next(100)
    assert kills >= 4
    assert after.keys() == {"h2", "h4"}
    assert attachment.backends() == {"10.0.0.2", "10.0.0.4"}


# Everything that a command writes; it is killed before one of them.
KILLED_BEFORE = """
import os, signal, sys
from xdplb.bpf import Link, Program
from xdplb.cli import main
from xdplb.dataplane import DataPlane
from xdplb.state import PinFolder

left = int(sys.argv.pop(1))

def count_down(owner, name):
    step = getattr(owner, name)
    def call(*arguments):
        global left
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
        return step(*arguments)
    setattr(owner, name, call)

for name in dir(DataPlane):
    if name.startswith(("put_", "clear_", "flush_")):
        count_down(DataPlane, name)
count_down(Link, "update")
count_down(Program, "pin")
count_down(PinFolder, "replace_pin")
sys.exit(main())
"""


def run_killed(attachment: Attachment, step: int, *words: str) -> int:
    """Run a command that is killed before its *step*-th write; return its exit code."""
    command = [sys.executable, "-c", KILLED_BEFORE, str(step), *words]
    done = subprocess.run(
        [*command, "--netns", attachment.namespace],
        capture_output=True,
        check=False,
        timeout=PATIENCE_S,
    )
    return done.returncode
