# SPDX-License-Identifier: BSD-2-Clause
"""What hypothesis draws: services, packets aimed at them, and histories of both."""

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from packet.model_headers import ICMP, ICMPV6, TCP, UDP
from packet.model_packets import CLIENTS, Shape, mac_of

from xdplb.model import Backend, HashOn, Mode, Protocol, Scheduler, Service, ServiceKey

# The same examples each time: what fails on one machine fails on all.
REPEATABLE = settings(
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

VIPS = {4: ["10.0.0.10", "10.0.0.11", "192.0.2.255"], 6: ["2001:db8::10", "2001:db8::11"]}
HOSTS = {4: ["10.0.0.2", "10.0.0.3", "172.31.255.4"], 6: ["2001:db8::2", "2001:db8::3"]}
PORTS = [53, 80, 8080, 65535]
SCHEDULERS = [Scheduler.MAGLEV, Scheduler.HASH, Scheduler.ROUND_ROBIN]
FLAGS = [0x02, 0x10, 0x18, 0x11, 0x04, 0x14, 0x12, 0x00, 0x06, 0xFF]
OTHER_HOST = bytes.fromhex("deadbeef0077")


def packed(addresses: list[str]) -> list[bytes]:
    return [ip_address(address).packed for address in addresses]


# --- services ---------------------------------------------------------------------------------


@st.composite
def backends(draw: st.DrawFn, key: ServiceKey, mode: Mode) -> tuple[Backend, ...]:
    """Up to four backends that the mode allows; one in eight has no known MAC."""
    versions = [4, 6] if mode.tunnels else [key.vip.version]
    addresses = [address for version in versions for address in HOSTS[version]]
    has_port = mode.translates and key.protocol is not Protocol.ICMP
    ports = st.sampled_from([0, 8080]) if has_port else st.just(0)
    found = {}
    for address, port in draw(st.lists(st.tuples(st.sampled_from(addresses), ports), max_size=4)):
        host = ip_address(address)
        mac = None if draw(st.integers(0, 7)) == 7 else mac_of(host.packed)
        backend = Backend(host, port, draw(st.sampled_from([1, 1, 3, 0])), mac=mac)
        found[backend.identity] = backend
    return tuple(found.values())


@st.composite
def services(draw: st.DrawFn) -> Service:
    vip = draw(st.sampled_from(VIPS[4] + VIPS[6]))
    protocol = draw(st.sampled_from(list(Protocol)))
    port = 0 if protocol is Protocol.ICMP else draw(st.sampled_from([0, 53, 80]))
    key = ServiceKey(ip_address(vip), port, protocol)
    mode = draw(st.sampled_from(list(Mode)))
    return Service(
        key,
        draw(backends(key, mode)),
        mode=mode,
        scheduler=draw(st.sampled_from(SCHEDULERS)),
        hash_on=draw(st.sampled_from(list(HashOn))),
    )


def sources_of(service: Service) -> set[tuple[object, ...]]:
    """What packets of a dnat service's backends look like."""
    if service.mode is not Mode.DNAT:
        return set()
    key = service.key
    return {(b.address, b.port or key.port, key.protocol) for b in service.backends}


@st.composite
def service_sets(draw: st.DrawFn) -> list[Service]:
    """One to six services; no two dnat services have a backend and port in common."""
    found: list[Service] = []
    sources: set[tuple[object, ...]] = set()
    keys = draw(st.lists(services(), min_size=1, max_size=6, unique_by=lambda s: s.key))
    for service in keys:
        mine = sources_of(service)
        ambiguous = mine & sources or len(mine) < len(service.backends) * bool(mine)
        found.append(service._replace(backends=()) if ambiguous else service)
        sources |= set() if ambiguous else mine
    return found


# --- packets ----------------------------------------------------------------------------------

Addressed = tuple[bytes, bytes, int, int, int]  # source, destination, protocol, ports


@st.composite
def addressed(draw: st.DrawFn, wanted: list[Service]) -> Addressed:
    """From a client to a service, mostly; or from a backend of it to a client, or anything."""
    service = draw(st.sampled_from(wanted))
    key = service.key
    version = key.vip.version
    client, protocol = draw(st.sampled_from(CLIENTS[version])), key.protocol_number
    client_port = draw(st.sampled_from([40000, 40001, 12345, 0]))
    port = key.port or draw(st.sampled_from(PORTS))
    kind = draw(st.integers(0, 9))
    if kind >= 3:
        return client, key.vip.packed, protocol, client_port, port
    if kind == 2:
        host = draw(st.sampled_from(packed(HOSTS[version])))
        return host, client, protocol, draw(st.sampled_from([port, 8080])), client_port
    every = CLIENTS[version] + packed(VIPS[version] + HOSTS[version])
    ends = draw(st.tuples(st.sampled_from(every), st.sampled_from(every)))
    kinds = [TCP, UDP, ICMP if version == 4 else ICMPV6, 47]
    return (*ends, draw(st.sampled_from(kinds)), client_port, draw(st.sampled_from(PORTS)))


ODDITIES: dict[str, st.SearchStrategy[Any]] = {
    "has_checksum": st.just(False),
    "damage": st.integers(1, 0xFFFE),
    "ttl": st.sampled_from([0, 1, 2, 255]),
    "tos": st.integers(0, 255),
    "fragment": st.sampled_from([0x4000, 0x2000, 0x0001, 0x8000]),
    "tags": st.lists(st.sampled_from([0x8100, 0x88A8]), min_size=1, max_size=3).map(tuple),
    "ether_type": st.sampled_from([0x0806, 0x88CC, 0, 0x05DC, 0x86DD, 0x0800]),
    "options": st.sampled_from([bytes(4), b"\x94\x04\x00\x00", b"\x01" * 40]),
    "extensions": st.lists(
        st.tuples(st.sampled_from([0, 43, 44, 51, 60]), st.sampled_from([0, 1, 3])),
        min_size=1,
        max_size=5,
    ).map(tuple),
    "mac": st.sampled_from([OTHER_HOST, b"\xff" * 6]),
    "trailer": st.binary(min_size=1, max_size=9),
    "padding": st.sampled_from([bytes(1), bytes(6), b"\xff" * 7]),
    "is_reply": st.just(True),
}


@st.composite
def shapes(draw: st.DrawFn, wanted: list[Service]) -> Shape:
    """A packet aimed at one of the services, in half the cases an odd one."""
    shape = Shape(
        *draw(addressed(wanted)),
        flags=draw(st.sampled_from(FLAGS)),
        payload=draw(st.sampled_from([b"", b"odd", b"payload.", bytes(64)])),
    )
    names = draw(st.sets(st.sampled_from(sorted(ODDITIES)), max_size=2))
    return shape._replace(**{name: draw(ODDITIES[name]) for name in sorted(names)})


# --- histories --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Send:
    """A packet arrives."""

    shape: Shape


@dataclass(frozen=True)
class Again:
    """A packet like an earlier one arrives: its number, counted back, and its TCP flags."""

    back: int
    flags: int


@dataclass(frozen=True)
class Answer:
    """Who was sent a packet answers it: its number, counted back, and the answer's TCP flags."""

    back: int
    flags: int


@dataclass(frozen=True)
class Replace:
    """A service gets other backends."""

    place: int
    backends: tuple[Backend, ...]


@dataclass(frozen=True)
class Mark:
    """A backend goes down, drains, or is back."""

    place: int
    backend: int
    up: bool
    draining: bool


Step = Send | Again | Answer | Replace | Mark


@st.composite
def replacements(draw: st.DrawFn, wanted: list[Service]) -> Replace:
    """Other backends for a service; those of dnat services stay, or leave."""
    place = draw(st.integers(0, len(wanted) - 1))
    service = wanted[place]
    if service.mode is not Mode.DNAT:
        return Replace(place, draw(backends(service.key, service.mode)))
    kept = draw(st.sets(st.sampled_from(service.backends))) if service.backends else set()
    return Replace(place, tuple(sorted(kept)))


@st.composite
def histories(draw: st.DrawFn, wanted: list[Service]) -> list[Step]:
    """One to thirty steps: most are packets, and most of these go on with what was begun."""
    number, flags = st.integers(0, 5), st.sampled_from(FLAGS)
    place = st.integers(0, len(wanted) - 1)
    step = st.one_of(
        st.builds(Send, shapes(wanted)),
        st.builds(Send, shapes(wanted)),
        st.builds(Again, number, flags),
        st.builds(Answer, number, flags),
        st.builds(Answer, number, flags),
        st.one_of(
            replacements(wanted),
            st.builds(Mark, place, st.integers(0, 3), st.booleans(), st.booleans()),
        ),
    )
    return draw(st.lists(step, min_size=1, max_size=30))


@st.composite
def stories(draw: st.DrawFn) -> tuple[list[Service], list[Step]]:
    wanted = draw(service_sets())
    return wanted, draw(histories(wanted))
