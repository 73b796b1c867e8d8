# SPDX-License-Identifier: BSD-2-Clause
"""Faults that no single line of a topology has: names used twice, plugs without a socket."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Hashable, Iterator

from xdplb.lab.topology import Host, Interface, Topology

# RFC 8200 section 5: a link that carries IPv6 has an MTU of 1280 or more.
SMALLEST_MTU_OF_IPV6 = 1280


def faults_across(topology: Topology) -> list[str]:
    """Return what is wrong between the parts of *topology*, which may itself have faulty parts."""
    return [
        *_missing_parts(topology),
        *_shared_names(topology),
        *_unknown_switches(topology),
        *_duplicates(topology, "MAC", lambda one: (one.mac,) if one.mac else ()),
        *_duplicates(topology, "address", lambda one: tuple(it.ip for it in one.addresses)),
        *_routes_nowhere(topology),
        *_narrow_links(topology),
    ]


def _missing_parts(topology: Topology) -> Iterator[str]:
    if not topology.hosts:
        yield "hosts: there are none; a lab needs one or more"
    for host in topology.hosts:
        if not host.interfaces:
            yield f"hosts.{host.name}.interfaces: there are none; a host needs one or more"


def _shared_names(topology: Topology) -> Iterator[str]:
    for host in topology.hosts:
        if host.name in topology.switches:
            yield f"hosts.{host.name}: a switch is called {host.name} too; rename one of them"


def _unknown_switches(topology: Topology) -> Iterator[str]:
    for host, interface in _plugs(topology):
        # An empty name stands for one that is missing, which is a fault already.
        if interface.switch and interface.switch not in topology.switches:
            near = difflib.get_close_matches(interface.switch, topology.switches, n=1)
            hint = f"did you mean {near[0]}?" if near else "add it to switches"
            yield f"{_path(host, interface)}.switch: {interface.switch}: no such switch; {hint}"


def _duplicates(
    topology: Topology, what: str, values_of: Callable[[Interface], tuple[Hashable, ...]]
) -> Iterator[str]:
    owners: dict[Hashable, str] = {}
    for host, interface in _plugs(topology):
        path = _path(host, interface)
        for value in values_of(interface):
            if value in owners:
                yield f"{path}: {what} {value} is {owners[value]}'s already"
            owners.setdefault(value, path)


def _routes_nowhere(topology: Topology) -> Iterator[str]:
    for host in topology.hosts:
        networks = [address.network for one in host.interfaces for address in one.addresses]
        for number, route in enumerate(host.routes):
            if not any(route.via in network for network in networks):
                yield (
                    f"hosts.{host.name}.routes[{number}]: {route.via} is in no network of "
                    f"{host.name}'s interfaces"
                )


def _narrow_links(topology: Topology) -> Iterator[str]:
    for host, interface in _plugs(topology):
        has_ipv6 = any(address.version == 6 for address in interface.addresses)
        if has_ipv6 and interface.mtu_bytes < SMALLEST_MTU_OF_IPV6:
            yield (
                f"{_path(host, interface)}.mtu: {interface.mtu_bytes} is too small for IPv6 "
                f"({SMALLEST_MTU_OF_IPV6} or more)"
            )


def _plugs(topology: Topology) -> Iterator[tuple[Host, Interface]]:
    for host in topology.hosts:
        for interface in host.interfaces:
            yield host, interface


def _path(host: Host, interface: Interface) -> str:
    return f"hosts.{host.name}.interfaces.{interface.name}"
