# SPDX-License-Identifier: BSD-2-Clause
"""What is known of the labs that are up: one folder each below /run, and one lock for all.

``/run/xdplb-lab/LAB/state.json`` is written before anything is made, so that what a killed ``up``
left behind can be found; the servers' logs stand beside it.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from xdplb.lab.reading import parse_topology
from xdplb.lab.topology import Topology

RUN = Path("/run/xdplb-lab")


@dataclass(frozen=True, slots=True)
class ServerProcess:
    """A process of ours: the time it started tells it from a later one with the same id.

    :ivar started_ticks: clock ticks after boot, as in /proc/PID/stat
    """

    host: str
    pid: int
    started_ticks: int


@dataclass(frozen=True, slots=True)
class LabRecord:
    """A lab that is up, or that was being raised.

    :ivar prefix: what stands before the names of its namespaces
    :ivar complete: it was raised to the end
    """

    topology: Topology
    prefix: str = ""
    complete: bool = False
    servers: tuple[ServerProcess, ...] = ()

    @property
    def name(self) -> str:
        """What the lab is called: its topology, with the prefix."""
        return self.prefix + self.topology.name

    @property
    def folder(self) -> Path:
        """Where its state and its logs are."""
        return RUN / self.name

    @property
    def namespaces(self) -> list[str]:
        """All its namespaces, as ``ip netns`` lists them."""
        return [self.prefix + name for name in self.topology.namespaces]

    def with_server(self, server: ServerProcess) -> LabRecord:
        """Return the record with *server* added."""
        return replace(self, servers=(*self.servers, server))

    def save(self) -> None:
        """Write it, as a whole or not at all."""
        self.folder.mkdir(parents=True, exist_ok=True)
        fresh = self.folder / "state.json.new"
        state = {
            "topology": self.topology.name,
            "document": self.topology.document,
            "prefix": self.prefix,
            "complete": self.complete,
            "servers": [asdict(server) for server in self.servers],
        }
        fresh.write_text(json.dumps(state, indent=1), encoding="utf-8")
        fresh.replace(self.folder / "state.json")

    def remove(self) -> None:
        """Remove the folder, and that of all labs if this was the last."""
        shutil.rmtree(self.folder)
        remove_if_empty(RUN)


def load_records() -> list[LabRecord]:
    """Return all labs that are up or half up, by name."""
    records = []
    for file in sorted(RUN.glob("*/state.json")):
        try:
            records.append(_load(file))
        except FileNotFoundError:
            # It was taken down while we looked.
            continue
    return records


def remove_unused_folders() -> None:
    """Remove folders without a state: what an ``up`` left that was killed before it made anything.

    Only while the lock is held, else it might be one that is just being made.
    """
    for folder in RUN.iterdir():
        if not (folder / "state.json").exists():
            shutil.rmtree(folder)


@contextmanager
def all_labs_locked() -> Iterator[None]:
    """Keep other processes from raising labs or taking them down.

    The lock is the folder itself, and goes with it, so a lock may be won on a folder that is
    there no more; then another one is made.
    """
    while True:
        descriptor = _open_folder()
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if _is_still_there(descriptor):
                yield from _with_tidy_folder()
                return
        finally:
            os.close(descriptor)


def remove_if_empty(folder: Path) -> None:
    """Remove *folder* unless something is in it, or it is gone already."""
    if folder.exists() and not any(folder.iterdir()):
        folder.rmdir()


def _open_folder() -> int:
    while True:
        RUN.mkdir(exist_ok=True)
        try:
            return os.open(RUN, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            # Another process has just taken the last lab down, and the folder with it.
            continue


def _with_tidy_folder() -> Iterator[None]:
    remove_unused_folders()
    try:
        yield
    finally:
        remove_if_empty(RUN)


def _is_still_there(descriptor: int) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), RUN.stat())
    except FileNotFoundError:
        return False


def _load(file: Path) -> LabRecord:
    state = json.loads(file.read_text(encoding="utf-8"))
    return LabRecord(
        topology=parse_topology(state["document"], name=state["topology"], file=str(file)),
        prefix=state["prefix"],
        complete=state["complete"],
        servers=tuple(ServerProcess(**server) for server in state["servers"]),
    )
