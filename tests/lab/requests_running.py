# SPDX-License-Identifier: BSD-2-Clause
"""Requests that go on and on while a test changes something in the middle of them.

Nothing here waits for time to pass: a test waits until so many more requests have ended.
"""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass
from typing import Self

from lab.attachment import VIP
from lab.stand import Lab
from lab.wire import PATIENCE_S, connect_from, read_all

REQUEST = b"GET /name HTTP/1.1\r\nHost: vip\r\nConnection: close\r\n\r\n"


@dataclass(frozen=True)
class Ended:
    """One request that has ended.

    :ivar source_port: of the client; 0: it has not come so far
    :ivar host: who answered, or ``None``
    """

    source_port: int
    host: str | None
    reason: str = ""


class RunningRequests:
    """Sends requests from several threads for the block, a new connection for each.

    :param patience_s: how long one may take. Nobody tells a client whose backend was removed
        while it waited for the answer, so a test of that gives up earlier.
    :ivar ended: all that have ended so far
    """

    def __init__(
        self, lab: Lab, threads: int = 4, patience_s: float = PATIENCE_S, vip: str = VIP
    ) -> None:
        self._lab = lab
        self._vip = vip
        self._patience_s = patience_s
        self._stop = False
        self._news = threading.Condition()
        self._since: list[Ended] = []
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]
        self.ended: list[Ended] = []

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        self.next(20)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop = True
        for thread in self._threads:
            thread.join(2 * PATIENCE_S)
            assert not thread.is_alive(), "a request hangs"

    @property
    def failures(self) -> list[Ended]:
        """Those that were not answered."""
        return [one for one in self.ended if one.host is None]

    def next(self, count: int) -> Counter[str | None]:
        """Wait until *count* requests have ended that begin after now; return who answered."""
        with self._news:
            since = self._since = []
            reached = self._news.wait_for(lambda: len(since) >= count, 2 * PATIENCE_S)
        assert reached, f"only {len(since)} requests of {count} have ended"
        return Counter(one.host for one in since[:count])

    def _run(self) -> None:
        while not self._stop:
            since = self._since
            ended = self._ask()
            with self._news:
                self.ended.append(ended)
                since.append(ended)
                self._news.notify_all()

    def _ask(self) -> Ended:
        port = 0
        try:
            with connect_from(self._lab, "client", 80, vip=self._vip) as connection:
                connection.settimeout(self._patience_s)
                port = connection.getsockname()[1]
                connection.sendall(REQUEST)
                head, _, body = read_all(connection).partition(b"\r\n\r\n")
        except OSError as reason:
            return Ended(port, None, repr(reason))
        if not head.startswith(b"HTTP/1.1 200 ") or not body:
            return Ended(port, None, f"answered {head[:80]!r}")
        return Ended(port, body.decode().strip())
