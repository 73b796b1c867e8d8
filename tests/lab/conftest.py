# SPDX-License-Identifier: BSD-2-Clause
"""A lab raised once for each test module, under names that no other run and no user has."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from xdplb.lab.lifecycle import find_lab, raise_lab, take_down
from xdplb.lab.processes import start_in
from xdplb.lab.reading import find_topology, parse_topology
from xdplb.lab.record import LabRecord, load_records

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


def xdplb(*words: str) -> Answer:
    """Run the command line as a user does."""
    command = [sys.executable, "-c", "import sys; from xdplb.cli import main; sys.exit(main())"]
    done = subprocess.run(
        [*command, *words], check=False, capture_output=True, text=True, timeout=TIMEOUT_S
    )
    return Answer(done.returncode, done.stdout, done.stderr)


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


@pytest.fixture
def prefix() -> Iterator[str]:
    """Give out a prefix of one's own and remove whatever is left under it."""
    own = fresh_prefix()
    yield own
    for record in load_records():
        if record.prefix == own:
            take_down(record)


RaiseLab = Callable[[str], Lab]


@pytest.fixture
def raised(prefix: str) -> RaiseLab:
    """Give out a function that raises the topology written in a YAML text."""

    def raise_text(text: str) -> Lab:
        return Lab(raise_lab(parse_topology(text, name="own"), prefix))

    return raise_text


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """Give out the tutorial's lab."""
    yield from _standing("tutorial")


@pytest.fixture(scope="module")
def two_clients() -> Iterator[Lab]:
    """Give out the lab with two clients."""
    yield from _standing("two-clients")


def _standing(topology: str) -> Iterator[Lab]:
    own = fresh_prefix()
    record = raise_lab(find_topology(topology), own)
    try:
        yield Lab(record)
    finally:
        take_down(find_lab(topology, own))
        assert traces(own) == NO_TRACES
