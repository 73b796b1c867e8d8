# SPDX-License-Identifier: BSD-2-Clause
"""What an attachment is and has counted at this moment: what ``status --json`` shows.

The field names are a promise: docs/command.md lists them.
"""

from typing import Any, NamedTuple

from xdplb.abi import BackendRecord, ServiceRecord
from xdplb.bpf import KernelError, Link, query_xdp
from xdplb.dataplane import DataPlane
from xdplb.model import Counter, format_mac
from xdplb.namespace import AttachmentName, find_host_netns, find_netns_name, is_named
from xdplb.state import LINK, PinFolder


class BackendView(NamedTuple):
    """A backend and its traffic; packets and bytes are both ways."""

    address: str
    port: int
    name: str
    mac: str | None
    weight: int
    state: str
    packets: int
    bytes: int
    new_connections: int
    active_connections: int
    inactive_connections: int


class ServiceView(NamedTuple):
    """A service, its traffic and its backends; port 0 stands for any."""

    name: str
    vip: str
    port: int
    protocol: str
    mode: str
    scheduler: str
    hash_on: str
    table_size: int
    packets: int
    bytes: int
    new_connections: int
    active_connections: int
    backends: list[BackendView]


class VerdictView(NamedTuple):
    """How many packets ended so."""

    packets: int
    bytes: int


class AttachmentView(NamedTuple):
    """An attachment; *xdp_mode* is None where the interface is gone or cannot be asked."""

    interface: str
    netns: str | None
    xdp_mode: str | None
    program_id: int
    services: list[ServiceView]
    verdicts: dict[str, VerdictView]


def plain(value: Any) -> Any:
    """Return named tuples as dicts all the way down, for JSON."""
    if hasattr(value, "_asdict"):
        return {key: plain(field) for key, field in value._asdict().items()}
    if isinstance(value, dict):
        return {key: plain(field) for key, field in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


def read_attachment(folder: PinFolder) -> AttachmentView:
    """Return the attachment that is pinned in *folder*."""
    program_id, is_up = read_link(folder)
    with DataPlane.from_folder(folder) as plane:
        return AttachmentView(
            folder.name.interface,
            folder.name.netns,
            find_mode(folder.name) if is_up else None,
            program_id,
            read_services(plane),
            {word: VerdictView(*counter[:2]) for word, counter in plane.verdicts().items()},
        )


def read_link(folder: PinFolder) -> tuple[int, bool]:
    """Return the id of the program and whether it is on an interface that is there."""
    try:
        with Link.from_pin(folder.pin(LINK)) as link:
            return link.info.program_id, bool(link.info.ifindex)
    except FileNotFoundError:
        return 0, False  # somebody has removed the pin


def find_mode(name: AttachmentName) -> str | None:
    """Return the XDP mode of the program on an interface, ``None`` where it cannot be asked."""
    netns: str | None = None
    if name.netns != find_netns_name():
        if name.netns is not None and not is_named(name.netns):
            return None
        netns = name.netns or find_host_netns()
    try:
        mode = query_xdp(name.interface, netns=netns).mode
    except KernelError:
        return None
    return mode.value if mode else None


def read_services(plane: DataPlane) -> list[ServiceView]:
    """Return the services in the order of their ids, with what was counted for them."""
    services, backends = plane.services(), plane.backends()
    totals = plane.service_counters(services)
    counters = plane.backend_counters(backends)
    tally = plane.count_connections()
    views: dict[int, list[BackendView]] = {number: [] for number in services}
    for number, record in sorted(backends.items()):
        alive, over = tally.active.get(number, 0), tally.inactive.get(number, 0)
        if record.service_id in views:
            views[record.service_id].append(
                view_backend(record, counters[number], alive, over),
            )
    return [
        view_service(record, totals[number], views[number])
        for number, record in sorted(services.items())
    ]


def view_backend(record: BackendRecord, counter: Counter, alive: int, over: int) -> BackendView:
    """Return a backend as it is shown."""
    backend = record.backend
    return BackendView(
        str(backend.address),
        backend.port,
        backend.name,
        format_mac(backend.mac) if backend.mac else None,
        backend.weight,
        record.state.value,
        *counter,
        alive,
        over,
    )


def view_service(
    record: ServiceRecord, counter: Counter, backends: list[BackendView]
) -> ServiceView:
    """Return a service as it is shown."""
    service = record.service
    return ServiceView(
        service.title,
        str(service.key.vip),
        service.key.port,
        service.key.protocol.value,
        service.mode.value,
        service.scheduler.value,
        service.hash_on.value,
        record.slot_count,
        *counter,
        sum(backend.active_connections for backend in backends),
        backends,
    )
