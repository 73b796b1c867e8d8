# SPDX-License-Identifier: BSD-2-Clause
"""Next hops and their MACs: the route, then the neighbour, asked for where it is not known."""

import select
import socket
import time
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Any, NamedTuple

from xdplb.errors import InterfaceError
from xdplb.interface import Interface
from xdplb.model import Address

# An answer takes a millisecond in a rack; the kernel asks once a second, so this is two tries.
PATIENCE_S = 1.5

# From linux/rtnetlink.h and linux/neighbour.h.
RTMGRP_NEIGH = 1 << 2
RTN_LOCAL = 2
NTF_USE = 1
NUD_NONE = 0
NUD_USABLE = 0x02 | 0x04 | 0x08 | 0x10 | 0x40 | 0x80  # reachable stale delay probe noarp permanent


class NextHop(NamedTuple):
    """Where packets to a backend are handed to; *mac* is ``None`` if nobody answered for it."""

    address: Address
    mac: bytes | None


def find_next_hops(
    wanted: Iterable[Address], interface: Interface, *, patience_s: float = PATIENCE_S
) -> dict[Address, NextHop]:
    """Return the next hop to each address, in this thread's network namespace.

    Asks for those that are not known, all at once, and waits for the answers.

    :raises InterfaceError: if an address is our own or lies behind another interface
    """
    # Imported here: it takes 120 ms, and most commands do without.
    from pyroute2 import IPRoute  # noqa: PLC0415

    with IPRoute() as netlink, listen_for_neighbours() as news:
        hops = {address: find_hop(netlink, address, interface) for address in wanted}
        known = read_neighbours(netlink, interface)
        missing = {hop for hop in hops.values() if hop and hop not in known}
        for hop in missing:
            ask_for(netlink, hop, interface)
        deadline = time.monotonic() + patience_s
        while missing - known.keys() and wait_for(news, deadline):
            known = read_neighbours(netlink, interface)
    return {
        address: NextHop(hop or address, known.get(hop) if hop else None)
        for address, hop in hops.items()
    }


def listen_for_neighbours() -> socket.socket:
    """Return a socket that becomes readable whenever a neighbour changes."""
    news = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
    news.bind((0, RTMGRP_NEIGH))
    return news


def wait_for(news: socket.socket, deadline: float) -> bool:
    """Wait for a change; False if there was none before the *deadline*."""
    left = deadline - time.monotonic()
    if left <= 0 or not select.select([news], [], [], left)[0]:
        return False
    news.recv(65536)
    return True


def find_hop(netlink: Any, address: Address, interface: Interface) -> Address | None:
    """Return the gateway towards *address*, or itself on the link, or ``None`` without a route."""
    from pyroute2.netlink.exceptions import NetlinkError  # noqa: PLC0415

    try:
        route = netlink.route("get", dst=str(address))[0]
    except NetlinkError:
        return None
    if route["type"] == RTN_LOCAL:
        raise InterfaceError(
            f"{address}: is an address of this host; a backend has to be another machine"
        )
    leaves = route.get("oif")
    if leaves != interface.ifindex:
        name = socket.if_indextoname(leaves)
        raise InterfaceError(
            f"{address}: is reached through {name}, not {interface.name}; "
            f"attach to {name}, or name the next hop's MAC: {address}@MAC"
        )
    return ip_address(route.get("gateway") or str(address))


def read_neighbours(netlink: Any, interface: Interface) -> dict[Address, bytes]:
    """Return the MACs that are known on the interface."""
    known: dict[Address, bytes] = {}
    for family in (socket.AF_INET, socket.AF_INET6):
        for entry in netlink.get_neighbours(family=family, ifindex=interface.ifindex):
            mac = entry.get("lladdr")
            if mac and entry["state"] & NUD_USABLE:
                known[ip_address(entry.get("dst"))] = bytes.fromhex(mac.replace(":", ""))
    return known


def ask_for(netlink: Any, hop: Address, interface: Interface) -> None:
    """Let the kernel ask who has *hop*: no packet is sent but the ARP request itself."""
    netlink.neigh("replace", dst=str(hop), ifindex=interface.ifindex, flags=NTF_USE, state=NUD_NONE)
