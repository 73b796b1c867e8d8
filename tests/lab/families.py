# SPDX-License-Identifier: BSD-2-Clause
"""IPv4 and IPv6 as the labs with both have them: the same tests go over either."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from typing import NamedTuple

from lab.attachment import Attachment
from lab.stand import Lab
from lab.wire import KeptConnection, family_of, udp_socket_in

from xdplb.lab.bodies import body_sha256

MEGABYTE = 1 << 20
CLOSING = ("--header", "Connection: close")


class Family(NamedTuple):
    """The addresses of one family in a lab."""

    vip: str
    client: str
    backends: tuple[str, ...]

    @property
    def family(self) -> socket.AddressFamily:
        return family_of(self.vip)

    @property
    def host(self) -> str:
        """The VIP as URLs and services have it."""
        return f"[{self.vip}]" if ":" in self.vip else self.vip

    @property
    def peer(self) -> str:
        """The client as the servers name it."""
        return f"[{self.client}]" if ":" in self.client else self.client

    def __str__(self) -> str:
        return "IPv6" if ":" in self.vip else "IPv4"


def names_of_answers(lab: Lab, family: Family, count: int) -> list[str]:
    """Ask the VIP *count* times, a new connection for each; return who answered."""
    return lab.get("client", f"http://{family.host}/name?[1-{count}]", *CLOSING).split()


def seen_client(lab: Lab, family: Family) -> str:
    """Return the client's address as the backend that answered has seen it."""
    return lab.get("client", f"http://{family.host}/").split()[-1].rpartition(":")[0]


def arrives_intact(lab: Lab, family: Family, size: int) -> bool:
    """Tell whether *size* bytes are downloaded from the VIP as they are."""
    with KeptConnection(lab, vip=family.vip) as connection:
        return connection.download(size) == (body_sha256(size),) * 2


def echoes(lab: Lab, family: Family, payloads: Iterable[bytes]) -> list[tuple[str, bytes]]:
    """Send each payload to the VIP's echo, a socket for each; return who answered what.

    Every answer must come from where the question went to.
    """
    answers = []
    for payload in payloads:
        with udp_socket_in(lab, "client", family=family.family) as asker:
            asker.sendto(payload, (family.vip, 7))
            answer, sender = asker.recvfrom(65535)
        assert sender[:2] == (family.vip, 7)
        host, _, back = answer.partition(b" ")
        answers.append((host.decode(), back))
    return answers


def counted_bytes(attachment: Attachment) -> int:
    """Return how many bytes the balancer has seen, whatever became of them."""
    verdicts = attachment.status()["verdicts"].values()
    return sum(counter["bytes"] for counter in verdicts)
