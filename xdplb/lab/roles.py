# SPDX-License-Identifier: BSD-2-Clause
"""Who plays which part in a topology, read off what its hosts have."""

from __future__ import annotations

from dataclasses import dataclass

from xdplb.lab.topology import Address, Host, Interface, Topology


@dataclass(frozen=True, slots=True)
class Roles:
    """Who asks, who balances and through which interface, and who serves HTTP."""

    client: Host
    balancer: Host
    interface: Interface
    backends: tuple[Host, ...]

    @property
    def vip(self) -> Address:
        """The address that is asked: the interface's first."""
        return self.interface.addresses[0].ip

    @property
    def backend_addresses(self) -> list[str]:
        """The first address of each backend."""
        return [str(host.addresses[0]) for host in self.backends]


def roles_of(topology: Topology) -> Roles | None:
    """Return who plays which part; ``None`` if one is missing.

    The balancer has the first interface for XDP, backends serve HTTP, and the client is the first
    host that does neither.
    """
    plugged = ((host, one) for host, one, _ in topology.ports() if one.xdp and one.addresses)
    balancer, interface = next(plugged, (None, None))
    backends = tuple(one for one in topology.hosts if "http" in one.servers and one.addresses)
    addressed = (one for one in topology.hosts if one.addresses)
    others = (one for one in addressed if one is not balancer and one not in backends)
    client = next(others, None)
    if client is None or balancer is None or interface is None or not backends:
        return None
    return Roles(client, balancer, interface, backends)
