# SPDX-License-Identifier: BSD-2-Clause
"""Everything of a host that a balancer might leave changed, to be compared before and after."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

from lab.stand import Lab

PATIENCE_S = 20
READ_SETTINGS = """
import json, pathlib
files = (one for one in pathlib.Path("/proc/sys/net").rglob("*") if one.is_file())
settings = {}
for file in files:
    try:
        settings[str(file)] = file.read_text(errors="replace")
    except OSError as reason:
        settings[str(file)] = f"unreadable: {reason.strerror}"
print(json.dumps(settings))
"""


def host_state(lab: Lab, host: str) -> dict[str, Any]:
    """Return links, queueing disciplines, addresses, routes, offloads and settings of *host*."""

    def told(*command: str) -> Any:
        return json.loads(lab.run(host, *command).checked())

    names = [one["ifname"] for one in told("ip", "-j", "link")]
    return {
        "links": without_timers(told("ip", "-j", "-d", "link")),
        "qdiscs": told("tc", "-j", "qdisc"),
        "addresses": told("ip", "-j", "addr"),
        "routes": told("ip", "-j", "route", "show", "table", "all"),
        "rules": told("ip", "-j", "rule"),
        "offloads": {name: told("ethtool", "--json", "-k", name) for name in names},
        "settings": json.loads(lab.python(host, READ_SETTINGS)),
    }


def without_timers(told: Any) -> Any:
    """Leave out a bridge's running timers, which change by themselves."""
    if isinstance(told, list):
        return [without_timers(one) for one in told]
    if isinstance(told, dict):
        return {k: without_timers(v) for k, v in told.items() if not k.endswith("_timer")}
    return told


def tree(folder: Path) -> list[str]:
    """Return everything below *folder*."""
    return sorted(str(one.relative_to(folder)) for one in folder.rglob("*"))


@contextmanager
def bpffs_of_our_own() -> Iterator[tuple[Path, tuple[str, ...]]]:
    """Mount a new, empty bpf filesystem over /sys/fs/bpf for the commands of one test.

    Give out where it is seen from here, and the words that a command is put behind to have it.
    Whatever else this machine pins meanwhile is not in it.
    """
    command = "mount -t bpf bpf /sys/fs/bpf && echo mounted && exec cat"
    holder = subprocess.Popen(
        ["unshare", "--mount", "sh", "-c", command], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"mounted\n"
        path = Path(f"/proc/{holder.pid}/root/sys/fs/bpf")
        yield path, ("nsenter", f"--mount=/proc/{holder.pid}/ns/mnt")
    finally:
        holder.communicate()


def wait_until_gone(what: str, number: int) -> None:
    """Wait until the kernel has let go of a BPF ``link``, ``prog`` or ``map``."""
    deadline = monotonic() + PATIENCE_S
    while is_loaded(what, number):
        assert monotonic() < deadline, f"{what} {number} is still there"


def is_loaded(what: str, number: int) -> bool:
    command = ["bpftool", "--json", what, "show", "id", str(number)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
