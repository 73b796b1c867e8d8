# SPDX-License-Identifier: BSD-2-Clause
"""Named network namespaces that carry the mark of the lab they belong to.

The mark is the alias of ``lo`` (``ip -n NAME link show lo`` shows it). It is put on before the
namespace gets its name, so whatever has the name and lacks the mark is somebody else's.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from pyroute2 import IPRoute, netns

from xdplb.bpf import network_namespace
from xdplb.lab.errors import LabError

NAMES = Path("/run/netns")
MARK = "xdplb-lab:"
CLONE_NEWNET = 0x40000000


def create_namespace(name: str, lab: str) -> None:
    """Make the network namespace *name*, with ``lo`` up and marked as *lab*'s.

    :raises LabError: if the kernel refuses, or there is one of that name
    """

    def make() -> None:
        _unshare_network()
        with IPRoute() as links:
            links.link("set", ifname="lo", state="up", ifalias=MARK + lab)
        netns.attach(name, "thread-self")

    try:
        _in_own_thread(make)
    except FileExistsError as reason:
        raise LabError(f"namespace {name}: somebody has just made one; try again") from reason
    except OSError as reason:
        raise LabError(f"namespace {name}: cannot be made: {reason.strerror}") from reason


def delete_namespace(name: str) -> None:
    """Take the name off the namespace; it is gone once no process is in it. No name: no matter."""
    path = NAMES / name
    if _is_namespace(path):
        netns.remove(name)
    else:
        # An up that was killed between making the name and binding the namespace to it.
        path.unlink(missing_ok=True)


def owner_of(name: str) -> str | None:
    """Return the lab that namespace *name* belongs to: ``""`` if to none, ``None`` if there is no
    such namespace.
    """
    if not _is_namespace(NAMES / name):
        return None
    with network_namespace(name), IPRoute() as links:
        alias = links.link("get", ifname="lo")[0].get("ifalias") or ""
    return alias.removeprefix(MARK) if alias.startswith(MARK) else ""


def processes_in(names: list[str]) -> Iterator[tuple[int, str, str]]:
    """Yield process id, command and namespace of each process that is in one of *names*."""
    inodes = {(NAMES / name).stat().st_ino: name for name in names}
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            name = inodes.get((process / "ns/net").stat().st_ino)
            command = (process / "comm").read_text().strip()
        except OSError:
            # It ended meanwhile, or it is a zombie and has no namespaces any more.
            continue
        if name is not None:
            yield int(process.name), command, name


def _is_namespace(path: Path) -> bool:
    # A bound namespace is a file of nsfs, another filesystem than the folder's.
    return path.exists() and path.stat().st_dev != path.parent.stat().st_dev


def _unshare_network() -> None:
    # os.unshare() came with Python 3.12.
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _in_own_thread(work: Callable[[], None]) -> None:
    """Run *work* in a thread of its own: a network namespace is a property of the thread."""
    failures: list[BaseException] = []

    def guarded() -> None:
        try:
            work()
        except BaseException as failure:  # handed to the caller, whatever it is
            failures.append(failure)

    thread = threading.Thread(target=guarded, name="namespace")
    thread.start()
    thread.join()
    if failures:
        raise failures[0]
