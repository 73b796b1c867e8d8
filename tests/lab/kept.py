# SPDX-License-Identifier: BSD-2-Clause
"""Connections that a test keeps open while it changes something."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from lab.attachment import VIP
from lab.stand import Lab
from lab.wire import KeptConnection

KEPT = 24


@contextmanager
def kept_connections(
    lab: Lab, count: int = KEPT, vip: str = VIP
) -> Iterator[dict[KeptConnection, str]]:
    """Open connections to the VIP for the block; give out each with the host that has it."""
    with ExitStack() as stack:
        opened = [stack.enter_context(KeptConnection(lab, vip=vip)) for _ in range(count)]
        yield {one: one.ask().host for one in opened}


def stays(connection: KeptConnection, host: str) -> bool:
    """Tell whether *connection* goes on, and with *host*."""
    try:
        return all(connection.ask().host == host for _ in range(3))
    except OSError:
        return False
