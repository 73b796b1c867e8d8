# SPDX-License-Identifier: BSD-2-Clause
"""What a single value of a topology file may be; each reader raises ValueError with the reason."""

from __future__ import annotations

import re
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
    ip_address,
    ip_interface,
    ip_network,
)

from xdplb.lab.section import Section

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
# RFC 791: every host takes 68 bytes unfragmented. The upper bound is that of veth.
SMALLEST_MTU, LARGEST_MTU = 68, 65535


def check_name(section: Section, name: str, longest: int) -> None:
    """Note a fault of *section* if *name* cannot name a namespace or an interface."""
    if not NAME.fullmatch(name):
        section.fault("", f"{name!r} is not a name; use letters, digits, - and _")
    elif len(name) > longest:
        section.fault("", f"{name} has {len(name)} characters, {longest} at most are possible")


def as_text(value: object) -> str:
    """Read a string."""
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not text")
    return value


def as_flag(value: object) -> bool:
    """Read ``true`` or ``false``."""
    if not isinstance(value, bool):
        raise ValueError(f"{value!r} is neither true nor false")
    return value


def as_port(value: object) -> int:
    """Read a TCP or UDP port."""
    return _within(value, 1, 65535, "a port")


def as_mtu(value: object) -> int:
    """Read an MTU in bytes."""
    return _within(value, SMALLEST_MTU, LARGEST_MTU, "an MTU")


def as_mac(value: object) -> str:
    """Read a unicast MAC and return it in lower case."""
    # To YAML 1.1 an unquoted 12:34:56:10:20:30 is a number, written in base 60.
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a MAC; put it in quotes")
    mac = value.lower()
    if not MAC.fullmatch(mac):
        raise ValueError(f"{value!r} is not a MAC (six octets, as in de:ad:be:ef:00:01)")
    if int(mac[:2], 16) & 1:
        raise ValueError(f"{value} is a multicast MAC; an interface needs a unicast one")
    if mac == "00:00:00:00:00:00":
        raise ValueError(f"{value} stands for no MAC at all")
    return mac


def as_interface_address(value: object) -> IPv4Interface | IPv6Interface:
    """Read ``ADDRESS/LENGTH``; without the length it would be a network of one host."""
    if not isinstance(value, str) or "/" not in value:
        raise ValueError(f"{value!r} is not an address with its network's length (10.0.0.1/24)")
    return ip_interface(value)


def as_address(value: object) -> IPv4Address | IPv6Address:
    """Read an address."""
    return ip_address(as_text(value))


def as_network(value: object) -> IPv4Network | IPv6Network:
    """Read ``NETWORK/LENGTH``."""
    return ip_network(as_text(value))


def _within(value: object, least: int, most: int, what: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ValueError(f"{value!r} is not {what} ({least} to {most})")
    return value
