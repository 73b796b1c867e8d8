# SPDX-License-Identifier: BSD-2-Clause
"""The words of the command line as values of the model.

Each function raises :class:`~xdplb.errors.UsageError` with one line that has the wrong
word, what is wrong with it and what to write.
"""

import ipaddress
import re
from collections.abc import Iterable, Sequence
from enum import Enum
from typing import TypeVar

from xdplb.errors import UnsupportedError, UsageError
from xdplb.model import (
    ANY_PORT,
    MAX_PORT,
    MAX_WEIGHT,
    PORT_WORD,
    Address,
    Backend,
    HashOn,
    Mode,
    Protocol,
    Scheduler,
    ServiceKey,
)

E = TypeVar("E", bound=Enum)

MAC_SHAPE = re.compile(r"[0-9a-fA-F]{1,2}([:-])[0-9a-fA-F]{1,2}(\1[0-9a-fA-F]{1,2}){4}")
NAME_SHAPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
BUILT: frozenset[Enum] = frozenset(
    {*Mode, *HashOn, Scheduler.MAGLEV, Scheduler.HASH, Scheduler.ROUND_ROBIN}
)


def parse_address(text: str) -> Address:
    """Read the address of one host, IPv4 or IPv6."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        raise UsageError(
            f"{text}: is not an address; write one such as 10.0.0.2 or 2001:db8::2"
        ) from None
    if address.is_multicast or address.is_unspecified or str(address) == "255.255.255.255":
        raise UsageError(f"{text}: is not the address of one host; write a unicast address")
    if address.is_loopback:
        raise UsageError(f"{text}: never leaves its host; write an address that others reach")
    return address


def is_mac(text: str) -> bool:
    """Tell whether *text* is written as a MAC is: six hexadecimal numbers."""
    return MAC_SHAPE.fullmatch(text) is not None


def parse_mac(text: str) -> bytes:
    """Read a MAC, ``aa:bb:cc:dd:ee:ff`` or with dashes, as six bytes."""
    if not is_mac(text):
        raise UsageError(f"{text}: is not a MAC; write it as 02:00:00:00:00:02")
    mac = bytes(int(part, 16) for part in re.split("[:-]", text))
    if mac[0] & 1 or not any(mac):
        raise UsageError(f"{text}: is not the MAC of one host; write a unicast MAC")
    return mac


def parse_number(text: str, what: str, low: int, high: int) -> int:
    """Read a decimal number between *low* and *high*, both included."""
    if not (text.isascii() and text.isdigit() and low <= int(text) <= high):
        raise UsageError(f"{text or what}: is not a {what}; write a number from {low} to {high}")
    return int(text)


def parse_port(text: str) -> int:
    """Read a port, 1 to 65535."""
    return parse_number(text, "port", 1, MAX_PORT)


def parse_protocol(text: str) -> Protocol:
    """Read ``tcp``, ``udp`` or ``icmp``."""
    return parse_choice(text.lower(), Protocol, "protocol")


def parse_choice(text: str, kind: type[E], what: str) -> E:
    """Read one of the words of *kind*; :class:`UnsupportedError` for those not built yet."""
    words = ", ".join(str(member.value) for member in kind if is_built(member))
    for member in kind:
        if member.value == text:
            if not is_built(member):
                raise UnsupportedError(f"{text}: {what} not supported yet; use one of: {words}")
            return member
    raise UsageError(f"{text}: is not a {what}; use one of: {words}")


def is_built(member: Enum) -> bool:
    """Tell whether this version can do what the word stands for."""
    return member in BUILT or isinstance(member, Protocol)


def parse_port_protocol(text: str) -> tuple[int, Protocol]:
    """Read ``PORT/PROTOCOL``, ``any`` for any port; tcp when no protocol is named."""
    port, slash, protocol = text.partition("/")
    return (
        ANY_PORT if port == PORT_WORD else parse_port(port),
        parse_protocol(protocol) if slash else Protocol.TCP,
    )


def parse_service_key(text: str) -> ServiceKey:
    """Read ``VIP:PORT/PROTOCOL``; the port may be ``any``, the protocol is tcp if not named."""
    vip, rest = split_port(text)
    if not rest:
        raise UsageError(
            f"{text}: is not a service; write VIP:PORT/PROTO, as 10.0.0.10:80/tcp or "
            "[2001:db8::1]:443/udp"
        )
    return ServiceKey(parse_address(vip), *parse_port_protocol(rest))


def split_port(text: str) -> tuple[str, str]:
    """Return address and port, or what stands for it, of ``ADDR:PORT`` or ``[ADDR6]:PORT``.

    The port is empty where none is written; an IPv6 address needs its brackets only before one.
    """
    if text.startswith("["):
        address, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")) or rest == ":":
            raise UsageError(f"{text}: is not an address and port; write [2001:db8::2]:80")
        return address, rest[1:]
    if text.count(":") > 1:
        return text, ""
    address, _, port = text.partition(":")
    return address, port


def parse_name(text: str, what: str, longest: int) -> str:
    """Read a name of at most *longest* characters that cannot be taken for anything else."""
    if NAME_SHAPE.fullmatch(text) is None or text == PORT_WORD or is_address(text):
        raise UsageError(
            f"{text}: is not a name for a {what}; write letters, digits, '-', '_' and '.'"
        )
    if len(text) > longest:
        raise UsageError(f"{text}: has {len(text)} characters; a {what} name has {longest} at most")
    return text


def is_address(text: str) -> bool:
    """Tell whether *text* is an IP address of either family."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def parse_host_port(text: str) -> tuple[Address, int]:
    """Read ``ADDR``, ``ADDR:PORT`` or ``[ADDR6]:PORT``; port 0 where none is written."""
    host, port = split_port(text)
    if not port and text.endswith(":") and not is_address(text):
        raise UsageError(f"{text}: an empty port: is not a port; write ADDR:PORT or ADDR")
    return parse_address(host), parse_port(port) if port else 0


def parse_backend(text: str) -> Backend:
    """Read ``ADDR[:PORT][@MAC][,weight=N][,name=X]``, or ``MAC/ADDR[:PORT]`` with options."""
    place, *options = text.split(",")
    mac, slash, host = place.partition("/")
    if not slash:
        host, at, mac = place.partition("@")
        slash = at
    address, port = parse_host_port(host)
    given: dict[str, str] = {}
    for option in options:
        key, equals, value = option.partition("=")
        if key not in ("weight", "name") or not equals or key in given:
            raise UsageError(f"{text}: {option!r} is no option; write weight=N or name=X, once")
        given[key] = value
    return Backend(
        address,
        port,
        parse_number(given["weight"], "weight", 0, MAX_WEIGHT) if "weight" in given else 1,
        parse_name(given["name"], "backend", 23) if "name" in given else "",
        parse_mac(mac) if slash else None,
    )


def parse_backends(words: Sequence[str]) -> tuple[Backend, ...]:
    """Read backends one a word; a MAC as a word of its own belongs to the one before it."""
    backends: list[Backend] = []
    for word in words:
        if not is_mac(word):
            backends.append(parse_backend(word))
        elif not backends or backends[-1].mac is not None:
            raise UsageError(f"{word}: is a MAC without its backend; write ADDR MAC or ADDR@MAC")
        else:
            backends[-1] = backends[-1]._replace(mac=parse_mac(word))
    refuse_twins(backends)
    return tuple(backends)


def refuse_twins(backends: Iterable[Backend]) -> None:
    """Refuse an address and port, or a name, that comes twice."""
    seen: set[str] = set()
    for backend in backends:
        for word in filter(None, (backend.identity, backend.name)):
            if word in seen:
                raise UsageError(f"{word}: the backend is named twice; name it once")
            seen.add(word)
