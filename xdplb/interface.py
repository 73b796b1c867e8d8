# SPDX-License-Identifier: BSD-2-Clause
"""What has to be known of an interface, asked of this thread's network namespace.

Without pyroute2: it is three numbers, and that takes 120 ms to import.
"""

import fcntl
import socket
import struct
from collections.abc import Iterator
from errno import EADDRNOTAVAIL, ENODEV
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from xdplb.errors import InterfaceError
from xdplb.model import Address

# From linux/sockios.h; struct ifreq is the name and a union of 24 bytes.
SIOCGIFADDR = 0x8915
SIOCGIFHWADDR = 0x8927
IFREQ = struct.Struct("16s24s")
ARPHRD_ETHER = 1

# From linux/netlink.h, rtnetlink.h and if_addr.h.
NLMSGHDR = struct.Struct("=IHHII")
IFADDRMSG = struct.Struct("=BBBBI")
RTATTR = struct.Struct("=HH")
NLM_F_DUMP_REQUEST = 0x301
RTM_NEWADDR = 20
RTM_GETADDR = 22
IFA_ADDRESS = 1
IFA_LOCAL = 2
IFA_F_AVOIDED = 0x01 | 0x08 | 0x20 | 0x40  # temporary, not unique, deprecated, tentative
SCOPE_GLOBAL = 0
PORT_RANGE = "/proc/sys/net/ipv4/ip_local_port_range"


class Interface(NamedTuple):
    """An interface as it is now. *mac* is zero where it is no Ethernet."""

    name: str
    ifindex: int
    mac: bytes
    address: IPv4Address | None
    address6: IPv6Address | None = None

    def own(self, version: int) -> Address | None:
        """Return its first address of the family *version*, 4 or 6."""
        return self.address if version == 4 else self.address6


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
        mac, address = read_mac(asker, name), read_address(asker, name)
    return Interface(name, index, mac, address, read_address6(name))


def ask(asker: socket.socket, request: int, name: str) -> bytes:
    """Return the union of the struct ifreq that the kernel filled in."""
    raw = fcntl.ioctl(asker, request, IFREQ.pack(name.encode(), b""))
    answer: bytes = IFREQ.unpack(raw)[1]
    return answer


def read_mac(asker: socket.socket, name: str) -> bytes:
    """Return the MAC, or zeros for an interface that has none."""
    family, mac = struct.unpack_from("H6s", ask(asker, SIOCGIFHWADDR, name))
    return mac if family == ARPHRD_ETHER else b"\0" * 6


def read_address(asker: socket.socket, name: str) -> IPv4Address | None:
    """Return the first IPv4 address, or ``None`` where there is none."""
    try:
        return IPv4Address(ask(asker, SIOCGIFADDR, name)[4:8])
    except OSError as error:
        if error.errno in (EADDRNOTAVAIL, ENODEV):
            return None
        raise


def read_address6(name: str) -> IPv6Address | None:
    """Return the oldest IPv6 address that others than neighbours reach, or ``None``.

    One that is temporary, deprecated or not unique only where there is no other.
    """
    index = socket.if_nametoindex(name)
    found = [one for one in read_addresses6() if one[:2] == (index, SCOPE_GLOBAL)]
    # The kernel lists the youngest of a scope first; /proc/net/if_inet6 has no order at all.
    found.sort(key=lambda one: one[2] & IFA_F_AVOIDED, reverse=True)
    return found[-1][3] if found else None


def read_addresses6() -> Iterator[tuple[int, int, int, IPv6Address]]:
    """Yield interface index, scope, flags and address of all IPv6 addresses, as the kernel does."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as asker:
        asker.bind((0, 0))
        question = IFADDRMSG.pack(socket.AF_INET6, 0, 0, 0, 0)
        length = NLMSGHDR.size + len(question)
        asker.send(NLMSGHDR.pack(length, RTM_GETADDR, NLM_F_DUMP_REQUEST, 0, 0) + question)
        while True:
            answer, place = asker.recv(1 << 16), 0
            while place < len(answer):
                length, kind, *_ = NLMSGHDR.unpack_from(answer, place)
                if kind != RTM_NEWADDR:  # the end; or an error: no IPv6 here
                    return
                yield read_ifaddrmsg(answer[place + NLMSGHDR.size : place + length])
                place += length + 3 & ~3


def read_ifaddrmsg(message: bytes) -> tuple[int, int, int, IPv6Address]:
    """Return interface index, scope, flags and address of a struct ifaddrmsg with attributes."""
    _, _, flags, scope, index = IFADDRMSG.unpack_from(message)
    attributes, place = {}, IFADDRMSG.size
    while place < len(message):
        length, kind = RTATTR.unpack_from(message, place)
        attributes[kind] = message[place + RTATTR.size : place + length]
        place += length + 3 & ~3
    # Of a point-to-point link IFA_ADDRESS is the other end.
    return index, scope, flags, IPv6Address(attributes.get(IFA_LOCAL) or attributes[IFA_ADDRESS])


def is_local(address: Address) -> bool:
    """Tell whether *address* is one of this host's own: only to those can a socket be bound."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
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
