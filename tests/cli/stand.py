# SPDX-License-Identifier: BSD-2-Clause
"""What the tests of the command line stand on: the tutorial's lab, and the installed ``xdplb``."""

import itertools
import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, NamedTuple

from xdplb.bpf import network_namespace, query_xdp
from xdplb.dataplane import DataPlane
from xdplb.namespace import AttachmentName
from xdplb.state import PinFolder, State

XDPLB = str(Path(sys.executable).with_name("xdplb"))
PATIENCE_S = 10
VIP, H2, H3 = "10.0.0.10", "10.0.0.2", "10.0.0.3"
MAC2, MAC3 = "de:ad:be:ef:00:02", "de:ad:be:ef:00:03"
WEB = f"{VIP}:80/tcp"
# With their MACs nothing has to be looked up, which saves each attach a third of its time.
BACKENDS = (f"{H2}@{MAC2}", f"{H3}@{MAC3}")
_numbers = itertools.count(1)


class Answer(NamedTuple):
    """What a command printed and how it ended."""

    code: int
    output: str
    complaint: str

    @property
    def json(self) -> Any:
        """What it printed, as JSON."""
        return json.loads(self.output)


def run(*command: str, env: Mapping[str, str] | None = None, **options: Any) -> Answer:
    """Run a command, with *env* beside our own environment."""
    whole = {**os.environ, **(env or {})}
    # Without byte code every call would compile xdplb again, which nobody's second call does.
    whole.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run(
        command,
        env=whole,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        **options,
    )
    return Answer(done.returncode, done.stdout, done.stderr)


def wait_until(condition: Callable[[], bool], what: str, pause_s: float = 0.005) -> None:
    """Look every *pause_s* seconds until *condition* holds.

    :raises AssertionError: if it does not within ten seconds
    """
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"not within {PATIENCE_S} s: {what}"
        threading.Event().wait(pause_s)


class Stand:
    """The tutorial's lab under a prefix of its own: a client, two web servers, a balancer."""

    interface = "veth6"

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.lb, self.client = prefix + "lb", prefix + "client"

    def xdplb(self, *words: str, env: Mapping[str, str] | None = None) -> Answer:
        """Run xdplb with ``--netns`` of the balancer after *words*."""
        return run(XDPLB, *words, "--netns", self.lb, env=env)

    def ok(self, *words: str, env: Mapping[str, str] | None = None) -> Answer:
        """Run xdplb and make sure that it ended well."""
        answer = self.xdplb(*words, env=env)
        assert answer.code == 0, answer
        return answer

    def attach(self, *words: str) -> Answer:
        """Attach to the balancer's interface."""
        return self.ok("attach", self.interface, *words)

    def inside(self, *command: str) -> Answer:
        """Run a command by ``ip netns exec`` in the balancer."""
        return run("ip", "netns", "exec", self.lb, *command)

    def status(self) -> Any:
        """Return the attachment as ``status --json`` shows it."""
        (attachment,) = self.ok("status", "--json").json
        return attachment

    def lasting_status(self) -> Any:
        """Return the attachment but for its verdicts, which each host's IPv6 adds to by itself."""
        return {name: value for name, value in self.status().items() if name != "verdicts"}

    def backends(self, service: int = 0) -> dict[str, Any]:
        """Return address → backend of one service, as ``status --json`` shows them."""
        return {b["address"]: b for b in self.status()["services"][service]["backends"]}

    def folder(self, interface: str = interface) -> PinFolder:
        """Return the folder of pins, which may be there or not."""
        return State().folder(AttachmentName(interface, self.lb))

    def plane(self) -> DataPlane:
        """Open the maps of the attachment."""
        return DataPlane.from_folder(self.folder())

    def connect(self, patience_s: float = PATIENCE_S) -> HTTPConnection:
        """Open a connection from the client to the VIP; it stays open over many requests.

        :raises TimeoutError: if nobody answers within *patience_s*
        """
        connection = HTTPConnection(VIP, 80, timeout=patience_s)
        with network_namespace(self.client):
            connection.connect()
        return connection

    def ask(self, connections: int) -> Counter[str]:
        """Return which hosts answered, on as many new connections."""
        answers: Counter[str] = Counter()
        for _ in range(connections):
            connection = self.connect()
            answers[who_answers(connection)] += 1
            connection.close()
        return answers

    def traces(self) -> dict[str, Any]:
        """Return everything that a detach, or an attach that failed, has to leave as it was."""
        root = Path("/sys/fs/bpf/xdplb")
        entries = [entry.name for entry in root.glob("*")] if root.exists() else []
        found: dict[str, Any] = {
            command: run(command.split()[0], "-n", self.lb, *command.split()[1:]).output
            for command in ("ip -o addr", "tc qdisc", "ip rule", "ip route")
        }
        found["pins"] = [name for name in entries if self.prefix in name or name.startswith(":")]
        found["xdp"] = query_xdp(self.interface, netns=self.lb)
        return found


def who_answers(connection: HTTPConnection) -> str:
    """Return the name of the host at the other end of a connection."""
    connection.request("GET", "/name")
    response = connection.getresponse()
    body = response.read().decode().strip()
    assert response.status == 200, body
    return body


def fresh_prefix() -> str:
    """Return a prefix of namespaces that no other run has."""
    return f"ct{os.getpid()}-{next(_numbers)}-"
