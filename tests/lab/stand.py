# SPDX-License-Identifier: BSD-2-Clause
"""What the tests of the lab stand on: hosts to run commands in, and a look at what is left."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from xdplb.lab.processes import start_in
from xdplb.lab.record import LabRecord

TIMEOUT_S = 30
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Answer:
    """What a command printed and how it ended."""

    code: int
    output: str
    complaint: str

    def checked(self) -> str:
        """Return what it printed, after making sure that it ended well."""
        assert self.code == 0, self
        return self.output


@dataclass(frozen=True)
class Lab:
    """A lab that is up."""

    record: LabRecord

    def namespace(self, host: str) -> str:
        """Return the namespace of *host*, or of a switch."""
        return self.record.prefix + host

    def run(self, host: str, *command: str) -> Answer:
        """Run *command* in *host*."""
        running = start_in(
            self.namespace(host),
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        output, complaint = running.communicate(timeout=TIMEOUT_S)
        return Answer(running.returncode, output.decode(), complaint.decode())

    def python(self, host: str, code: str) -> str:
        """Run *code* with Python in *host* and return what it printed."""
        return self.run(host, sys.executable, "-c", code).checked()

    def get(self, host: str, url: str, *options: str) -> str:
        """Fetch *url* from *host* with curl."""
        command = ("curl", "-q", "-sS", "--fail", "--max-time", "20", "--noproxy", "*")
        return self.run(host, *command, *options, url).checked()


def start_xdplb(*words: str, environment: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    """Start the command line as a user does, with *environment* beside what there is."""
    command = [sys.executable, "-c", "import sys; from xdplb.cli import main; sys.exit(main())"]
    return subprocess.Popen(
        [*command, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **(environment or {})},
    )


def xdplb(*words: str, environment: Mapping[str, str] | None = None) -> Answer:
    """Run the command line to its end."""
    running = start_xdplb(*words, environment=environment)
    output, complaint = running.communicate(timeout=TIMEOUT_S)
    return Answer(running.returncode, output, complaint)


def fresh_prefix() -> str:
    """Return a prefix that nothing else on this machine uses."""
    return f"t{os.getpid()}x{next(_numbers)}-"


def traces(prefix: str) -> dict[str, list[str]]:
    """Return everything on this machine that belongs to labs with *prefix*."""
    mounts = Path("/proc/self/mounts").read_text().splitlines()
    links = json.loads(subprocess.check_output(["ip", "-j", "link"]))
    return {
        "namespaces": names_below("/run/netns", prefix),
        "states": names_below("/run/xdplb-lab", prefix),
        "pins": names_below("/sys/fs/bpf/xdplb", prefix),
        "mounts": [one for one in mounts if f"/{prefix}" in one],
        "links": [one["ifname"] for one in links if one["ifname"] in LAB_LINKS],
        "servers": servers_with(prefix),
    }


LAB_LINKS = {"br0", "client", "client2", "h2", "h3", "lb", "veth0", "veth6"}
NO_TRACES: dict[str, list[str]] = {
    kind: [] for kind in ("namespaces", "states", "pins", "mounts", "links", "servers")
}


def names_below(folder: str, prefix: str) -> list[str]:
    """Return what is called PREFIX* in *folder*, which need not exist."""
    return [one.name for one in Path(folder).glob(f"{prefix}*")]


def servers_with(prefix: str) -> list[str]:
    """Return the processes whose log is in the folder of a lab with *prefix*."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"/{prefix}" in os.readlink(process / "fd/2"):
                found.append(process.name)
        except OSError:
            continue
    return found


RaiseLab = Callable[[str], Lab]
