# SPDX-License-Identifier: BSD-2-Clause
"""Changes to services and backends, in the order in which packets may see them.

Never a service before what it points to: backends, slots, the service, its place in the index.
Taking away goes the other way round, and an id is free again only when no connection has it.
"""

import os
import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from xdplb.abi import INDEX_BACKEND, BackendRecord, ServiceRecord
from xdplb.dataplane import DataPlane
from xdplb.errors import CapacityError, ExistsError, UsageError
from xdplb.lookup import enter_backends, enter_service, sync_directory, withdraw
from xdplb.model import Address, Backend, HashOn, Scheduler, Service
from xdplb.tables import build_table, has_moved, moved, remembers_slots, settle, settled

# How long flows that nobody remembers stay with a backend that their slot has left.
DRAIN_TIME_S = 3600


class Host(NamedTuple):
    """What the services need to know of the host they run on."""

    nat_address: Address | None
    shares: bool = False


class WantedBackend(NamedTuple):
    """A backend as it shall be loaded: with the MAC that was found, or ``None``."""

    backend: Backend
    static_mac: bool = False


def lowest_free(taken: Collection[int], size: int, what: str, option: str) -> int:
    """Return the lowest number below *size* that is not taken.

    :raises CapacityError: if there is none; names the option that makes room
    """
    for number in range(size):
        if number not in taken:
            return number
    raise CapacityError(f"{what}: all {size} are in use; attach with a larger {option}")


def first_fit(regions: Iterable[tuple[int, int]], length: int, size: int) -> int:
    """Return where *length* slots are free, leaving out the regions (first, length) in use."""
    place = 0
    for first, taken in sorted(regions):
        if first - place >= length:
            break
        place = first + taken
    if place + length > size:
        raise CapacityError(
            f"slots: no {length} of {size} in a row are free; attach with a larger --max-services"
        )
    return place


def set_scheduling(
    plane: DataPlane, service_id: int, scheduler: Scheduler | None, hash_on: HashOn | None
) -> None:
    """Choose backends another way from now on; connections that are remembered stay."""
    record = plane.services()[service_id]
    service = record.service._replace(
        scheduler=scheduler or record.service.scheduler, hash_on=hash_on or record.service.hash_on
    )
    with plane.change():
        plane.put_service(service_id, record._replace(service=service))
        update_table(plane, service_id, backends_of(plane, service_id))


def refuse_self(service: Service, nat_address: Address | None) -> None:
    """Refuse a backend that is the balancer itself: its packets would come back for ever."""
    for backend in service.backends:
        if backend.address in (service.key.vip, nat_address):
            raise UsageError(
                f"{backend.address}: is the address of the service itself; name another machine"
            )


def add_service(
    plane: DataPlane, service: Service, wanted: Sequence[WantedBackend], host: Host
) -> int:
    """Load a service with its backends and return its id.

    :raises ExistsError: if its VIP, port and protocol, or its name, are taken
    :raises CapacityError: if there is no room for it
    """
    loaded, limits = plane.services(), plane.limits()
    refuse_taken(service, loaded.values())
    number = lowest_free(loaded, limits.services, "services", "--max-services")
    regions = [(record.first_slot, record.slot_count) for record in loaded.values()]
    size = limits.table_size
    record = ServiceRecord(
        service,
        first_fit(regions, size, limits.services * size),
        size,
        0,
        host.nat_address or service.key.vip,
        host.shares,
    )
    with plane.change():
        plane.clear_counters("service_counters", number)
        plane.put_service(number, record)
        set_backends(plane, number, wanted)
        enter_service(plane, number)
    return number


def refuse_taken(service: Service, loaded: Iterable[ServiceRecord]) -> None:
    """Refuse a service whose key or name another has already."""
    for record in loaded:
        if record.service.key == service.key:
            raise ExistsError(f"{service.key}: there is such a service already; remove it first")
        if service.name and record.service.name == service.name:
            raise ExistsError(
                f"{service.name}: is the name of {record.service.key}; choose another name"
            )


def backends_of(plane: DataPlane, service_id: int) -> dict[int, BackendRecord]:
    """Return backend id → backend of one service."""
    return {n: record for n, record in plane.backends().items() if record.service_id == service_id}


def set_backends(plane: DataPlane, service_id: int, wanted: Sequence[WantedBackend]) -> None:
    """Make *wanted* the backends of a service; who stays keeps its id and connections."""
    before = backends_of(plane, service_id)
    ids = {record.backend.identity: number for number, record in before.items()}
    taken = set(plane.backends())
    with plane.change():
        after: dict[int, BackendRecord] = {}
        for want in wanted:
            number = ids.pop(want.backend.identity, None)
            old = None if number is None else before[number]
            record = load_record(want, service_id, old)
            if number is None:
                number = add_backend(plane, record, taken)
            elif record != old:
                plane.put_backend(number, record)
            after[number] = record
        update_table(plane, service_id, after)
        enter_backends(plane, service_id)
        if ids:
            retire(plane, {number: before[number] for number in ids.values()})


def load_record(want: WantedBackend, service_id: int, old: BackendRecord | None) -> BackendRecord:
    """Return the record of a wanted backend; one that drains or is down goes on to."""
    record = BackendRecord(want.backend, service_id, static_mac=want.static_mac)
    if old is None:
        return record._replace(generation=int.from_bytes(os.urandom(4)))
    return record._replace(up=old.up, draining=old.draining, generation=old.generation)


def add_backend(plane: DataPlane, record: BackendRecord, taken: set[int]) -> int:
    """Load a backend that no slot points to yet; return its id, now one of *taken*."""
    number = lowest_free(taken, plane.limits().backends, "backends", "--max-backends")
    taken.add(number)
    plane.clear_counters("backend_counters", number)
    plane.put_backend(number, record)
    return number


def update_table(plane: DataPlane, service_id: int, backends: Mapping[int, BackendRecord]) -> None:
    """Share the slots of a service out anew among those that may get new connections."""
    record = plane.services()[service_id]
    table = build_table(record.service, backends, record.slot_count)
    after = record._replace(backend_count=sum(b.is_eligible for b in backends.values()))
    if table and record.backend_count and remembers_slots(record.service):
        alive = [number for number, backend in backends.items() if backend.up]
        words = moved(plane.slots(record.first_slot, record.slot_count), table, alive)
        plane.put_slots(record.first_slot, words)
        after = after._replace(moved_s=int(time.monotonic()) if has_moved(words) else 0)
    elif table:
        plane.put_slots(record.first_slot, settled(table))
    if after != record:
        plane.put_service(service_id, after)


def settle_slots(plane: DataPlane, drain_time_s: int = DRAIN_TIME_S) -> None:
    """Let moved slots forget their previous backends where the drain time is over."""
    now_s = time.monotonic()
    for number, record in plane.services().items():
        if record.moved_s and now_s - record.moved_s >= drain_time_s:
            words = plane.slots(record.first_slot, record.slot_count)
            with plane.change():
                plane.put_slots(record.first_slot, settle(words))
                plane.put_service(number, record._replace(moved_s=0))


def retire(plane: DataPlane, leaving: Mapping[int, BackendRecord]) -> None:
    """Take backends away that no slot points to any more, and then their connections."""
    withdraw(plane, {INDEX_BACKEND | number for number in leaving})
    for number, record in leaving.items():
        plane.put_backend(number, record._replace(up=False))

    def forget() -> None:
        plane.flush_connections(leaving)
        for number in leaving:
            plane.put_backend(number, None)

    plane.after_change(forget)


def remove_service(plane: DataPlane, service_id: int) -> None:
    """Take a service away with its backends and connections."""
    with plane.change():
        withdraw(plane, {service_id})
        retire(plane, backends_of(plane, service_id))
        plane.after_change(lambda: plane.put_service(service_id, None))


def sweep(plane: DataPlane) -> None:
    """Finish what a killed writer left half done: services not found, tables, the filter.

    A table's service is told the number of its backends last, so a number that is wrong tells
    of a table that was not finished.
    """
    settle_slots(plane)
    found = frozenset(plane.index().values())
    services = plane.services()
    for number in services.keys() - found:
        remove_service(plane, number)
    owners = services.keys() & found
    backends = plane.backends()
    lost = {n: r for n, r in backends.items() if r.service_id not in owners}
    if lost:
        with plane.change():
            retire(plane, lost)
    eligible = Counter(record.service_id for record in backends.values() if record.is_eligible)
    for number in owners:
        if services[number].backend_count != eligible[number]:
            with plane.change():
                update_table(plane, number, backends_of(plane, number))
    sync_directory(plane)
