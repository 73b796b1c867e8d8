# SPDX-License-Identifier: BSD-2-Clause
"""Which combinations of mode, protocol, ports and address families make sense."""

from xdplb.errors import UsageError
from xdplb.model import ANY_PORT, Backend, Protocol, Service


def refuse_impossible(service: Service) -> None:
    """Refuse what no packet could do.

    :raises UsageError: naming the service or the backend, and what to write instead
    """
    key = service.key
    if key.protocol is Protocol.ICMP and key.port != ANY_PORT:
        raise UsageError(f"{key}: echo requests have no port; write {key._replace(port=0)}")
    for backend in service.backends:
        refuse_backend(service, backend)


def refuse_backend(service: Service, backend: Backend) -> None:
    """Refuse a backend that *service* cannot send to."""
    mode, vip = service.mode, service.key.vip
    if not mode.tunnels and backend.address.version != vip.version:
        raise UsageError(
            f"{backend.address}: mode {mode.value} cannot turn IPv{vip.version} into "
            f"IPv{backend.address.version}; use ipip or gue, or a backend of the VIP's family"
        )
    if not backend.port:
        return
    if service.key.protocol is Protocol.ICMP:
        raise UsageError(f"{backend.identity}: echo requests have no port; leave it out")
    if not mode.translates and backend.port != service.key.port:
        raise UsageError(
            f"{backend.identity}: mode {mode.value} leaves ports as they are; "
            "leave the port out, or use nat or dnat"
        )
