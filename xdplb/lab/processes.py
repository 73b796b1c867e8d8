# SPDX-License-Identifier: BSD-2-Clause
"""Processes in a lab's hosts: commands, and the servers that run on after ``lab up``."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, Self

from xdplb.bpf import network_namespace
from xdplb.lab.errors import LabError
from xdplb.lab.record import ServerProcess
from xdplb.lab.topology import Host

READY_TIMEOUT_S = 15.0
END_TIMEOUT_S = 5.0


class StartedServers:
    """The server process of one host; it ends with the ``with`` block, and with this process,
    unless :meth:`keep` is called.
    """

    def __init__(self, host: Host, namespace: str, log: Path) -> None:
        self._host = host.name
        self._log = log
        ports = [f"{server}={port}" for server, port in host.servers.items()]
        command = [sys.executable, "-m", "xdplb.lab.servers", host.name, *ports]
        with log.open("ab") as file:
            self._process = start_in(
                namespace,
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=file,
                # Ctrl-C in the terminal of `lab up` is not meant for them.
                start_new_session=True,
                cwd="/",
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.returncode is None:
            self._process.kill()
            self._process.communicate()

    def wait_until_ready(self) -> ServerProcess:
        """Wait until all its servers accept; return what tells the process from others.

        :raises LabError: if it ends instead, with its last words, or doesn't come so far
        """
        output = _pipe(self._process.stdout)
        readable, _, _ = select.select([output], [], [], READY_TIMEOUT_S)
        if not readable:
            raise LabError(f"{self._host}: its servers are not ready after {READY_TIMEOUT_S:g} s")
        if output.readline() != b"ready\n":
            words = self._log.read_text(errors="replace").strip().splitlines() or ["no word"]
            raise LabError(f"{self._host}: its servers ended: {words[-1]}")
        started = started_ticks(self._process.pid)
        if started is None:
            raise LabError(f"{self._host}: its servers ended as soon as they were ready")
        return ServerProcess(self._host, self._process.pid, started)

    def keep(self) -> None:
        """Let it run on after us."""
        with _pipe(self._process.stdin) as orders:
            orders.write(b"stay\n")
        _pipe(self._process.stdout).close()
        # From now on it is known by its record; a Popen object would complain that it still runs.
        self._process.returncode = 0


def start_in(namespace: str, command: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
    """Start *command* with the network of *namespace*; *options* as for :class:`subprocess.Popen`.

    A child has the network namespace of the thread that started it. Its mounts are ours, so
    /sys/fs/bpf is what it is here (``ip netns exec`` hides it).
    """
    with network_namespace(namespace):
        return subprocess.Popen(command, **options)


def stop_server(server: ServerProcess) -> None:
    """End *server* and wait until it has ended; one that is gone already is no matter.

    The process is held by a descriptor while its starting time is looked at, so that no other
    one can get the signal.

    :raises LabError: if it is still there after some seconds
    """
    try:
        descriptor = os.pidfd_open(server.pid)
    except ProcessLookupError:
        return
    try:
        if started_ticks(server.pid) == server.started_ticks:
            _end(server, descriptor)
    finally:
        os.close(descriptor)


def is_running(server: ServerProcess) -> bool:
    """Tell whether *server* still runs."""
    return started_ticks(server.pid) == server.started_ticks


def started_ticks(pid: int) -> int | None:
    """Return when process *pid* started, in clock ticks after boot; ``None``: it doesn't run."""
    try:
        # The second field is the command in brackets and may hold anything, brackets too.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def _end(server: ServerProcess, descriptor: int) -> None:
    for one in (signal.SIGTERM, signal.SIGKILL):
        try:
            signal.pidfd_send_signal(descriptor, one)
        except ProcessLookupError:
            break
        if select.select([descriptor], [], [], END_TIMEOUT_S)[0]:
            break
    else:
        raise LabError(f"{server.host}: process {server.pid} does not end; end it by hand")
    _reap(server.pid)


def _reap(pid: int) -> None:
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        # Another process started it; init has reaped it.
        return


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None, "started with pipes"
    return pipe
