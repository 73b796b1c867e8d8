# SPDX-License-Identifier: BSD-2-Clause
"""The addresses of ``topology/direct-return.yaml``, and its backends' end of the tunnels."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from binding.stand import compile_bpf
from lab.families import Family
from lab.stand import Lab

from xdplb.bpf import BpfObject, LoadedObject, XdpMode

SOURCE = Path(__file__).parent / "decap.bpf.c"
HOSTS = ("h2", "h3", "h4")
IPV4 = Family("192.0.2.10", "10.0.0.1", ("10.0.0.2", "10.0.0.3", "10.0.0.4"))
IPV6 = Family("2001:db8:1::10", "2001:db8::1", ("2001:db8::2", "2001:db8::3", "2001:db8::4"))
# As enum arrival of decap.bpf.c has them.
ARRIVALS = (
    "plain",
    "wrong",
    *("ipip 4in4", "ipip 6in4", "ipip 4in6", "ipip 6in6"),
    *("gue 4in4", "gue 6in4", "gue 4in6", "gue 6in6"),
)


class Tunnel(NamedTuple):
    """One way to pack a packet."""

    mode: str
    inner: Family
    outer: Family

    def __str__(self) -> str:
        """The word of :data:`ARRIVALS`."""
        return f"{self.mode} {str(self.inner)[-1]}in{str(self.outer)[-1]}"


TUNNELS = [Tunnel(m, i, o) for m in ("ipip", "gue") for i in (IPV4, IPV6) for o in (IPV4, IPV6)]


class Decapsulators:
    """The programs that take the outer headers off, one for each backend."""

    def __init__(self, loaded: dict[str, LoadedObject]) -> None:
        self._loaded = loaded

    def arrivals(self, host: str) -> dict[str, int]:
        """Return kind of packet → how many of it have come to *host*, of those met."""
        counts = self._loaded[host].map("arrivals").items()
        return {ARRIVALS[kind]: count for kind, count in counts if count}

    def clear(self) -> None:
        """Count from nothing again."""
        for loaded in self._loaded.values():
            loaded.map("arrivals").update_many([(kind, 0) for kind in range(len(ARRIVALS))])


@contextmanager
def decapsulating(lab: Lab, folder: Path) -> Iterator[Decapsulators]:
    """Have every backend take outer headers off for the block; compile what does it in *folder*."""
    binary = folder / "decap.bpf.o"
    compile_bpf(SOURCE, binary)
    with ExitStack() as stack:
        loaded = {}
        for host in HOSTS:
            one = stack.enter_context(BpfObject.open(binary).load())
            program = stack.enter_context(one.program("decapsulate"))
            netns = lab.namespace(host)
            stack.enter_context(program.attach_xdp("veth0", mode=XdpMode.NATIVE, netns=netns))
            loaded[host] = one
        yield Decapsulators(loaded)
