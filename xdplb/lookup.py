# SPDX-License-Identifier: BSD-2-Clause
"""How packets find services, and dnat services the packets of their backends: the index and
the filter of VIPs in front of it.
"""

from collections.abc import Collection

from xdplb.abi import INDEX_BACKEND, BackendRecord, ServiceRecord, filter_bit
from xdplb.dataplane import DataPlane
from xdplb.errors import CapacityError
from xdplb.model import Mode, ServiceKey
from xdplb.service_index import Places, plan_entry


def source_key(record: BackendRecord, service: ServiceRecord) -> ServiceKey:
    """Return what packets from a backend look like: its address, its port or that asked for."""
    key = service.service.key
    backend = record.backend
    return ServiceKey(backend.address, backend.port or key.port, key.protocol)


def all_places(plane: DataPlane) -> dict[int, Places]:
    """Return id → the two places of every service and, with INDEX_BACKEND, every backend."""
    services = plane.services()
    places = {number: plane.places(record.service.key) for number, record in services.items()}
    for number, record in plane.backends().items():
        if record.service_id in services:
            key = source_key(record, services[record.service_id])
            places[INDEX_BACKEND | number] = plane.places(key)
    return places


def enter(plane: DataPlane, number: int, name: str) -> None:
    """Put one entry into the index; others may have to move aside for it.

    :raises CapacityError: if there is no room
    """
    taken = plane.index()
    if number in taken.values():
        return
    places = all_places(plane)
    writes = plan_entry(taken, places, places[number])
    if writes is None:
        raise CapacityError(f"{name}: no place in the index; use other addresses")
    for place, held in writes:
        plane.put_index(place, number if held is None else held)


def enter_service(plane: DataPlane, number: int) -> None:
    """Let packets find a service: the filter first, where a bit too many does no harm."""
    sync_directory(plane)
    enter(plane, number, str(plane.services()[number].service.key))


def enter_backends(plane: DataPlane, service_id: int) -> None:
    """Let the packets of a dnat service's backends be told from others."""
    service = plane.services()[service_id]
    if service.service.mode is not Mode.DNAT:
        return
    for number, record in plane.backends().items():
        if record.service_id == service_id and record.up:
            enter(plane, INDEX_BACKEND | number, record.backend.identity)
    sync_directory(plane)


def withdraw(plane: DataPlane, gone: Collection[int]) -> None:
    """Take entries out of the index, and VIPs that no service has any more out of the filter."""
    for place, held in plane.index().items():
        if held in gone:
            plane.put_index(place, None)
    sync_directory(plane, gone)


def sync_directory(plane: DataPlane, gone: Collection[int] = ()) -> None:
    """Derive the filter, and how many backends the index holds, from the services there are.

    :param gone: ids of services that are still on record but about to go
    """
    directory = plane.directory()
    words = [0] * len(directory.vip_filter)
    for number, record in plane.services().items():
        if number not in gone:
            word, bit = filter_bit(record.service.key.vip)
            words[word] |= 1 << bit
    count = sum(bool(held & INDEX_BACKEND) for held in plane.index().values())
    after = directory._replace(vip_filter=tuple(words), dnat_backends=count)
    if after != directory:
        plane.put_directory(after)
