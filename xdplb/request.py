# SPDX-License-Identifier: BSD-2-Clause
"""What a user wants attached, checked before anything is touched."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from xdplb.bpf import XdpMode
from xdplb.errors import UsageError
from xdplb.interface import Interface
from xdplb.loader import Settings
from xdplb.model import ANY_PORT, Address, Backend, Protocol, Service, ServiceKey
from xdplb.namespace import AttachmentName
from xdplb.rules import refuse_impossible
from xdplb.services import refuse_self

# Without --port: whatever comes to the VIP.
ALL_PORTS = ((ANY_PORT, Protocol.TCP), (ANY_PORT, Protocol.UDP))


class Request(NamedTuple):
    """What a user wants attached. *limits* has only those that were chosen.

    *pattern* is what the services have in common: mode, scheduler, what they hash on.
    """

    interface: str
    backends: Sequence[Backend]
    pattern: Service
    vip: Address | None = None
    ports: Sequence[tuple[int, Protocol]] = ()
    xdp_mode: XdpMode = XdpMode.AUTO
    limits: Mapping[str, int] = {}
    settings: Settings = Settings()
    force: bool = False
    replace: bool = False


class Attached(NamedTuple):
    """What an attach did."""

    name: AttachmentName
    mode: XdpMode
    services: Sequence[Service]
    warnings: Sequence[str]
    replaced: bool = False


class Job(NamedTuple):
    """A request that was checked: what to load on which interface."""

    request: Request
    interface: Interface
    name: AttachmentName
    services: Sequence[Service]


def make_services(request: Request, interface: Interface) -> list[Service]:
    """Return the services that are asked for: one for each port, all with the same backends.

    :raises UsageError: if they make no sense
    """
    if not request.backends:
        if request.vip or request.ports:
            raise UsageError("attach: --vip and --port say what to balance; name a BACKEND too")
        return []
    family = request.backends[0].address.version
    vip = request.vip or interface.own(family)
    if vip is None or vip.is_loopback:
        raise UsageError(
            f"{interface.name}: has no IPv{family} address to be the VIP; name it with --vip"
        )
    ports = request.ports or ALL_PORTS
    for place, port in enumerate(ports):
        if port in ports[:place]:
            raise UsageError(f"{port[0]}/{port[1].value}: the port is named twice; name it once")
    services = [
        request.pattern._replace(key=ServiceKey(vip, *port), backends=tuple(request.backends))
        for port in ports
    ]
    for service in services:
        refuse_impossible(service)
        refuse_self(service, interface.own(vip.version))
    return services
