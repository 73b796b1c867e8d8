# SPDX-License-Identifier: BSD-2-Clause
"""``xdplb events`` read while connections come and go."""

from __future__ import annotations

import json
import threading
from typing import Self

from lab.attachment import Attachment
from lab.wire import PATIENCE_S, connect_from

# It may not listen yet when the first connections come.
PROBES = 200
PROBE_PATIENCE_S = 0.1


class EventReader:
    """Runs ``xdplb events --json`` for the block and notes which backend each client got."""

    def __init__(self, attachment: Attachment) -> None:
        self._attachment = attachment
        self._running = attachment.start("events", "--json")
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._news = threading.Condition()
        self._backends: dict[int, list[str]] = {}
        self._thread.start()

    def __enter__(self) -> Self:
        """Return when it has told of a connection: from now on it misses none."""
        for _ in range(PROBES):
            with connect_from(self._attachment.lab, "client", 80) as probe:
                port = probe.getsockname()[1]
            if self._wait_for(port, PROBE_PATIENCE_S):
                return self
        raise AssertionError(f"no event of any of {PROBES} connections")

    def __exit__(self, *_: object) -> None:
        self._running.terminate()
        self._running.wait(PATIENCE_S)
        self._thread.join(PATIENCE_S)

    def backends_of(self, source_port: int) -> list[str]:
        """Return the addresses of the backends that the client's port was given, in that order.

        There are two when the first was removed: what the client sends then is nobody's, so it
        goes to another backend, which resets it.
        """
        assert self._wait_for(source_port, PATIENCE_S), f"no event for port {source_port}"
        return self._backends[source_port]

    def _wait_for(self, source_port: int, patience_s: float) -> bool:
        with self._news:
            return self._news.wait_for(lambda: source_port in self._backends, patience_s)

    def _read(self) -> None:
        assert self._running.stdout is not None
        for line in self._running.stdout:
            event = json.loads(line)
            if event["kind"] == "new":
                with self._news:
                    given = self._backends.setdefault(event["client_port"], [])
                    given.append(event["backend"])
                    self._news.notify_all()
