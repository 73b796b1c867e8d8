# SPDX-License-Identifier: BSD-2-Clause
"""An attachment that is there: which one is meant, and what is done inside its namespace."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext

from xdplb.bpf import network_namespace
from xdplb.dataplane import DataPlane
from xdplb.errors import InterfaceError
from xdplb.interface import Interface, is_local
from xdplb.model import ANY_PORT, Address, Backend, ServiceKey
from xdplb.namespace import AttachmentName, find_host_netns, find_netns_name, is_named
from xdplb.selection import Choice, choose
from xdplb.services import Host, WantedBackend, sweep
from xdplb.state import State


def inside(name: AttachmentName) -> AbstractContextManager[object]:
    """Return a block inside the attachment's network namespace.

    :raises InterfaceError: if that is another one, without a name to enter it by
    """
    if name.netns == find_netns_name():
        return nullcontext()
    if name.netns is None:
        return network_namespace(find_host_netns())
    if not is_named(name.netns):
        raise InterfaceError(
            f"{name}: its network namespace has no name; run xdplb inside it with nsenter --net"
        )
    return network_namespace(name.netns)


@contextmanager
def changing(state: State, choice: Choice) -> Iterator[tuple[AttachmentName, DataPlane]]:
    """Give out the chosen attachment to change it; nobody else can meanwhile.

    An error undoes what the block had changed.
    """
    choose(state, choice)  # before the lock, which would make our folder where there is none
    with state.lock():
        folder = choose(state, choice)
        with DataPlane.from_folder(folder) as plane:
            sweep(plane)
            with plane.change():
                yield folder.name, plane


def read_host(interface: Interface | None, key: ServiceKey) -> Host:
    """Return what a service has to know of this host."""
    return Host(
        interface.own(key.vip.version) if interface else None,
        key.port == ANY_PORT and is_local(key.vip),
    )


def resolve(
    backends: Sequence[Backend], interface: Callable[[], Interface]
) -> tuple[list[WantedBackend], list[str]]:
    """Return the backends with their next hops' MACs, and what to tell about those without.

    :param interface: called where a MAC has to be looked up
    """
    unknown = list(dict.fromkeys(b.address for b in backends if b.mac is None))
    found: dict[Address, bytes | None] = {}
    warnings = []
    if unknown:
        # Imported here: most commands have nothing to look up.
        from xdplb.neighbours import find_next_hops  # noqa: PLC0415

        place = interface()
        for address, hop in find_next_hops(unknown, place).items():
            found[address] = hop.mac
            if hop.mac is None:
                what = f"its next hop {hop.address}" if hop.address != address else "it"
                warnings.append(
                    f"{address}: nobody answers for {what} on {place.name}, so it gets no "
                    f"packets; add it again when it is up, or name its MAC: {address}@MAC"
                )
    wanted = [
        WantedBackend(b._replace(mac=b.mac or found.get(b.address)), b.mac is not None)
        for b in backends
    ]
    return wanted, warnings
