# SPDX-License-Identifier: BSD-2-Clause
"""Real HTTP requests from a host of the lab, and which hosts answered them."""

from __future__ import annotations

import shutil
import subprocess
from collections import Counter
from dataclasses import dataclass

from xdplb.lab.errors import LabError
from xdplb.lab.processes import start_in

TIMEOUT_S = 30


@dataclass(frozen=True, slots=True)
class Spread:
    """Who answered how many requests.

    :ivar strays: connections whose requests were answered by more than one host
    """

    answers: Counter[str]
    connections: int
    strays: int

    @property
    def requests(self) -> int:
        """How many were answered."""
        return self.answers.total()


def send_requests(namespace: str, url: str, connections: int, each: int) -> Spread:
    """Send *each* requests one after another on each of *connections*, with curl.

    :param url: a page that answers nothing but the host's name
    :raises LabError: if curl is missing, or a request is not answered
    """
    answers: Counter[str] = Counter()
    strays = 0
    for _ in range(connections):
        names = _curl(namespace, [f"{url}?[1-{each}]"])
        answers.update(names)
        strays += len(set(names)) > 1
    return Spread(answers, connections, strays)


def send_on_new_connections(namespace: str, url: str, requests: int) -> Spread:
    """Send *requests*, a connection for each, with one curl.

    :raises LabError: as :func:`send_requests`
    """
    names = _curl(namespace, ["--header", "Connection: close", f"{url}?[1-{requests}]"])
    return Spread(Counter(names), requests, 0)


def _curl(namespace: str, arguments: list[str]) -> list[str]:
    """Return the lines that curl printed."""
    if shutil.which("curl") is None:
        raise LabError("curl: not found; install it: apt-get install curl")
    # -q and --noproxy: what the user's environment says of proxies is not for the lab.
    command = ["curl", "-q", "--noproxy", "*", "-sS", "--fail", "--max-time", str(TIMEOUT_S)]
    running = start_in(
        namespace, [*command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    output, complaint = running.communicate()
    if running.returncode != 0:
        words = complaint.decode(errors="replace").strip().splitlines() or ["no word"]
        raise LabError(f"{namespace}: {words[0]}")
    return output.decode().split()
