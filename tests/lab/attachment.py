# SPDX-License-Identifier: BSD-2-Clause
"""The balancer attached in a lab, worked by its command line as a user works it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.stand import Lab, start_xdplb, xdplb

VIP = "10.0.0.10"
INTERFACE = "veth6"
BPFFS = Path("/sys/fs/bpf")


@dataclass(frozen=True)
class Attachment:
    """What ``xdplb attach`` made on the interface of a lab's balancer."""

    lab: Lab

    @property
    def namespace(self) -> str:
        """The namespace of the balancer's host."""
        return self.lab.namespace("lb")

    @property
    def pins(self) -> Path:
        """The folder on the bpf filesystem that holds it."""
        return BPFFS / "xdplb" / f"{self.namespace}:{INTERFACE}"

    def xdplb(self, *words: str) -> str:
        """Run a command of ours on it and return what that printed."""
        return xdplb(*words, "--netns", self.namespace).checked()

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start a command of ours on it."""
        return start_xdplb(*words, "--netns", self.namespace)

    def status(self) -> dict[str, Any]:
        """Return what ``status --json`` tells of it."""
        (told,) = json.loads(self.xdplb("status", "--json"))
        assert isinstance(told, dict)
        return told

    def verdicts(self) -> dict[str, int]:
        """Return verdict → packets, of those that were met."""
        told = self.status()["verdicts"].items()
        return {word: counter["packets"] for word, counter in told if counter["packets"]}

    def drops(self) -> dict[str, int]:
        """Return verdict → packets, of those that were dropped and would be missed.

        A reset that nobody remembers is not missed: an earlier test's connection may send one.
        """
        met = self.verdicts()
        met.pop("drop_no_connection", None)
        return {word: packets for word, packets in met.items() if word.startswith("drop_")}

    def backends(self) -> set[str]:
        """Return the addresses of the backends it has."""
        listed = json.loads(self.xdplb("backend", "list", "--json"))
        return {one["address"] for one in listed}

    def detach(self) -> None:
        """Take it off, unless that was done."""
        if self.pins.exists():
            self.xdplb("detach", INTERFACE)


Attach = Callable[..., Attachment]


@contextmanager
def attached(lab: Lab, *words: str) -> Iterator[Attachment]:
    """Attach the balancer for the block, with *words* after the interface's name."""
    attachment = Attachment(lab)
    try:
        attachment.xdplb("attach", INTERFACE, *words)
        assert attachment.status()["xdp_mode"] == "native"
        yield attachment
    finally:
        attachment.detach()
