# SPDX-License-Identifier: BSD-2-Clause
"""Other people's servers in a host of the lab, until a block ends."""

from __future__ import annotations

import os
import select
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from lab.stand import Lab

from xdplb.lab.processes import start_in

READY_TIMEOUT_S = 20


@contextmanager
def serving(lab: Lab, host: str, command: Sequence[str], ready: bytes) -> Iterator[None]:
    """Run *command* in *host* for the block, which begins once it has said *ready*."""
    running = start_in(
        lab.namespace(host), command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        wait_until_said(running, ready)
        yield
    finally:
        running.terminate()
        running.communicate(timeout=READY_TIMEOUT_S)


def wait_until_said(running: subprocess.Popen[bytes], ready: bytes) -> None:
    """Read what it says until *ready* is in it."""
    assert running.stdout is not None
    said = b""
    while ready not in said:
        readable, _, _ = select.select([running.stdout], [], [], READY_TIMEOUT_S)
        piece = os.read(running.stdout.fileno(), 4096) if readable else b""
        assert piece, f"{running.args!r} does not serve: {said!r}"
        said += piece
