# SPDX-License-Identifier: BSD-2-Clause
"""What has to be known of an interface, asked of this thread's network namespace.

By ioctl and not by netlink: it is three numbers, and pyroute2 takes 120 ms to import.
"""

import fcntl
import socket
import struct
from errno import EADDRNOTAVAIL, ENODEV
from typing import NamedTuple

from xdplb.errors import InterfaceError
from xdplb.model import Address

# From linux/sockios.h; struct ifreq is the name and a union of 24 bytes.
SIOCGIFADDR = 0x8915
SIOCGIFHWADDR = 0x8927
IFREQ = struct.Struct("16s24s")
ARPHRD_ETHER = 1

PORT_RANGE = "/proc/sys/net/ipv4/ip_local_port_range"


class Interface(NamedTuple):
    """An interface as it is now. *mac* is zero where it is no Ethernet."""

    name: str
    ifindex: int
    mac: bytes
    address: Address | None


def find_interface(name: str) -> Interface:
    """Return the interface called *name*.

    :raises InterfaceError: if there is none
    """
    try:
        index = socket.if_nametoindex(name)
    except OSError:
        raise InterfaceError(
            f"{name}: there is no such interface here; `ip link` shows those there are"
        ) from None
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        return Interface(name, index, read_mac(asker, name), read_address(asker, name))


def ask(asker: socket.socket, request: int, name: str) -> bytes:
    """Return the union of the struct ifreq that the kernel filled in."""
    raw = fcntl.ioctl(asker, request, IFREQ.pack(name.encode(), b""))
    answer: bytes = IFREQ.unpack(raw)[1]
    return answer


def read_mac(asker: socket.socket, name: str) -> bytes:
    """Return the MAC, or zeros for an interface that has none."""
    family, mac = struct.unpack_from("H6s", ask(asker, SIOCGIFHWADDR, name))
    return mac if family == ARPHRD_ETHER else b"\0" * 6


def read_address(asker: socket.socket, name: str) -> Address | None:
    """Return the first IPv4 address, or ``None`` where there is none."""
    try:
        return Address(ask(asker, SIOCGIFADDR, name)[4:8])
    except OSError as error:
        if error.errno in (EADDRNOTAVAIL, ENODEV):
            return None
        raise


def is_local(address: Address) -> bool:
    """Tell whether *address* is one of this host's own: only to those can a socket be bound."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((str(address), 0))
        except OSError as error:
            if error.errno != EADDRNOTAVAIL:
                raise
            return False
    return True


def read_local_ports() -> tuple[int, int]:
    """Return the range that the host's own connections take their ports from."""
    with open(PORT_RANGE, encoding="ascii") as file:
        low, high = map(int, file.read().split())
    return low, high
