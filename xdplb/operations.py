# SPDX-License-Identifier: BSD-2-Clause
"""Changes to an attachment that is up: its services and their backends."""

from collections.abc import Callable, Iterable, Sequence

from xdplb.abi import BackendRecord
from xdplb.attachment import changing, inside, read_host, resolve
from xdplb.dataplane import DataPlane
from xdplb.errors import ExistsError, NotFoundError, UsageError
from xdplb.guard import guard_ssh, require_capabilities
from xdplb.interface import find_interface
from xdplb.model import PORT_WORD, Backend, HashOn, Scheduler, Service
from xdplb.namespace import AttachmentName
from xdplb.parse import parse_host_port, parse_service_key
from xdplb.rules import refuse_impossible
from xdplb.selection import Choice
from xdplb.services import (
    WantedBackend,
    add_service,
    backends_of,
    refuse_self,
    remove_service,
    set_backends,
    set_scheduling,
)
from xdplb.state import State


def find_services(plane: DataPlane, word: str) -> list[int]:
    """Return the ids that *word* stands for: a name, ``VIP:PORT/PROTOCOL``, or ``any`` for all.

    :raises NotFoundError: if there is no such service
    """
    services = plane.services()
    if word == PORT_WORD:
        return sorted(services)
    named = [number for number, record in services.items() if record.service.name == word]
    if named:
        return named
    if ":" in word:
        key = parse_service_key(word)
        keyed = [number for number, record in services.items() if record.service.key == key]
        if keyed:
            return keyed
    there = ", ".join(record.service.title for record in services.values())
    raise NotFoundError(f"{word}: there is no such service; there are: {there or 'none'}")


def find_backend(backends: dict[int, BackendRecord], word: str, service: str) -> int:
    """Return the id of the backend that *word* names: its name, ``ADDR:PORT`` or ``ADDR``.

    :raises NotFoundError: if the service has no such backend
    :raises UsageError: if it has several
    """
    found = [number for number, record in backends.items() if record.backend.name == word]
    if not found:
        address, port = parse_place(word)
        on_host = {n: r for n, r in backends.items() if r.backend.address == address}
        found = [n for n, r in on_host.items() if r.backend.port == port]
        found = found or ([] if port else list(on_host))
    if len(found) > 1:
        ports = ", ".join(backends[number].backend.identity for number in found)
        raise UsageError(f"{word}: which one is meant? {service} has {ports}")
    if not found:
        there = ", ".join(record.backend.identity for record in backends.values())
        raise NotFoundError(f"{word}: {service} has no such backend; it has: {there or 'none'}")
    return found[0]


def parse_place(word: str) -> tuple[object, int]:
    """Read ``ADDR`` or ``ADDR:PORT``; a word that is neither can only be a name."""
    try:
        return parse_host_port(word)
    except UsageError:
        return None, 0


def create_service(choice: Choice, service: Service, force: bool) -> Sequence[str]:
    """Add a service with its backends; return what to tell about them."""
    require_capabilities("service add")
    if not force:
        guard_ssh([service])
    with changing(State(), choice) as (name, plane), inside(name):
        interface = find_interface(name.interface)
        refuse_impossible(service)
        refuse_self(service, interface.own(service.key.vip.version))
        wanted, warnings = resolve(service.backends, lambda: interface)
        add_service(plane, service, wanted, read_host(interface, service.key))
    return warnings


def change_service(
    choice: Choice, word: str, scheduler: Scheduler | None, hash_on: HashOn | None
) -> None:
    """Change how services choose backends."""
    require_capabilities("service set")
    with changing(State(), choice) as (_, plane):
        for number in find_services(plane, word):
            set_scheduling(plane, number, scheduler, hash_on)


def delete_service(choice: Choice, word: str) -> None:
    """Remove a service with its backends and connections."""
    require_capabilities("service remove")
    with changing(State(), choice) as (_, plane):
        for number in find_services(plane, word):
            remove_service(plane, number)


def keep(records: Sequence[BackendRecord]) -> list[WantedBackend]:
    """Return backends that are there as wanted ones."""
    return [WantedBackend(record.backend, record.static_mac) for record in records]


def add_backends(choice: Choice, word: str, backends: Sequence[Backend]) -> Sequence[str]:
    """Add backends to a service; return what to tell about them.

    :raises ExistsError: if one of them is there already
    """
    require_capabilities("backend add")
    with changing(State(), choice) as (name, plane):
        numbers = find_services(plane, word)
        for number in numbers:
            refuse_unfit(plane, number, backends)
        wanted, warnings = resolve_there(name, backends)
        for number in numbers:
            there = without_unresolved(backends_of(plane, number).values(), backends)
            set_backends(plane, number, [*keep(there), *wanted])
    return warnings


def without_unresolved(
    records: Iterable[BackendRecord], again: Sequence[Backend]
) -> list[BackendRecord]:
    """Leave out those without a MAC that are added again: that is how it is looked up anew."""
    identities = {backend.identity for backend in again}
    return [
        record
        for record in records
        if record.backend.mac or record.backend.identity not in identities
    ]


def resolve_there(
    name: AttachmentName, backends: Sequence[Backend]
) -> tuple[list[WantedBackend], list[str]]:
    """Look the MACs up inside the attachment's network namespace, where any is missing."""
    if all(backend.mac for backend in backends):
        return [WantedBackend(backend, True) for backend in backends], []
    with inside(name):
        return resolve(backends, lambda: find_interface(name.interface))


def refuse_unfit(plane: DataPlane, service_id: int, backends: Sequence[Backend]) -> None:
    """Refuse a backend that is the service itself, or that it has already, or whose name."""
    record = plane.services()[service_id]
    asked = record.service._replace(backends=tuple(backends))
    refuse_impossible(asked)
    refuse_self(asked, record.nat_address)
    there = without_unresolved(backends_of(plane, service_id).values(), backends)
    taken = {word for r in there for word in (r.backend.identity, r.backend.name) if word}
    for backend in backends:
        for word in (backend.identity, backend.name):
            if word in taken:
                raise ExistsError(
                    f"{word}: {record.service.title} has it already; change it with: backend set"
                )


def edit_backends(
    choice: Choice, word: str, edit: Callable[[str, dict[int, BackendRecord]], None]
) -> None:
    """Let *edit* change the backends of services: called with a service's title and them."""
    with changing(State(), choice) as (_, plane):
        for number in find_services(plane, word):
            there = backends_of(plane, number)
            edit(plane.services()[number].service.title, there)
            set_backends(plane, number, keep(list(there.values())))


def remove_backends(choice: Choice, word: str, places: Sequence[str]) -> None:
    """Take backends out of a service; only their own connections break."""
    require_capabilities("backend remove")

    def drop(title: str, there: dict[int, BackendRecord]) -> None:
        for place in places:
            del there[find_backend(there, place, title)]

    edit_backends(choice, word, drop)


def set_weight(choice: Choice, word: str, place: str, weight: int) -> None:
    """Give a backend another weight; its connections stay."""
    require_capabilities("backend set")

    def weigh(title: str, there: dict[int, BackendRecord]) -> None:
        number = find_backend(there, place, title)
        record = there[number]
        there[number] = record._replace(backend=record.backend._replace(weight=weight))

    edit_backends(choice, word, weigh)


def flush(choice: Choice) -> int:
    """Forget all connections; return how many there were."""
    require_capabilities("connections flush")
    with changing(State(), choice) as (_, plane):
        tally = plane.count_connections()
        plane.flush_connections()
    return sum(tally.active.values()) + sum(tally.inactive.values())
