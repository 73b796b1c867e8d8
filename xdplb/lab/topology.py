# SPDX-License-Identifier: BSD-2-Clause
"""A topology as plain frozen types: hosts, their interfaces, and the switches that join them.

Pure data. Every host and every switch becomes a network namespace, every interface a veth pair
of which one end is the host's and the other a port of the switch's bridge.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
)
from typing import TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address

DEFAULT_MTU_BYTES = 1500
BRIDGE = "br0"


@dataclass(frozen=True, slots=True)
class Interface:
    """One interface of a host, plugged into a switch.

    :ivar mac: six octets in lower case hexadecimal, joined by colons
    :ivar xdp: a balancer will send its frames back out of here, so the switch's port gets what
        veth needs for that
    """

    name: str
    switch: str
    mac: str
    addresses: tuple[IPv4Interface | IPv6Interface, ...]
    mtu_bytes: int = DEFAULT_MTU_BYTES
    xdp: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """*to* is reached by way of *via*, an address in a network of one of the host's interfaces."""

    to: IPv4Network | IPv6Network
    via: Address


@dataclass(frozen=True, slots=True)
class Host:
    """A network namespace with interfaces of its own.

    :ivar loopback: addresses held on ``lo`` that ARP does not answer for (a VIP, in DSR)
    :ivar forward: routes packets between its interfaces
    :ivar servers: what serves here, and at which port
    """

    name: str
    interfaces: tuple[Interface, ...]
    loopback: tuple[Address, ...] = ()
    routes: tuple[Route, ...] = ()
    forward: bool = False
    servers: Mapping[str, int] = field(default_factory=dict)

    @property
    def addresses(self) -> tuple[Address, ...]:
        """The addresses of all its interfaces, in the file's order."""
        return tuple(address.ip for one in self.interfaces for address in one.addresses)


@dataclass(frozen=True, slots=True)
class Topology:
    """Everything a lab is built from.

    :ivar document: the YAML text it was read from; kept with a lab that is up
    """

    name: str
    description: str
    switches: tuple[str, ...]
    hosts: tuple[Host, ...]
    document: str = field(default="", compare=False, repr=False)

    @property
    def namespaces(self) -> tuple[str, ...]:
        """The names of all namespaces it takes: switches first, then hosts."""
        return (*self.switches, *(host.name for host in self.hosts))

    def host(self, name: str) -> Host:
        """Return the host called *name*.

        :raises KeyError: if there is none
        """
        for host in self.hosts:
            if host.name == name:
                return host
        raise KeyError(name)

    def ports(self) -> Iterator[tuple[Host, Interface, str]]:
        """Yield each interface with its host and the name of its port on the switch.

        The port is called as the host, the host's second one on the same switch ``HOST-2``.
        """
        for host in self.hosts:
            plugged: dict[str, int] = {}
            for interface in host.interfaces:
                number = plugged[interface.switch] = plugged.get(interface.switch, 0) + 1
                yield host, interface, host.name if number == 1 else f"{host.name}-{number}"
