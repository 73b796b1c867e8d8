# SPDX-License-Identifier: BSD-2-Clause
"""``xdplb ls``: for fingers that know ``ipvsadm -Ln``."""

from typing import Annotated

import typer

from xdplb.cli.options import AsJson, Netns, OnInterface, enter, print_json
from xdplb.selection import Choice, choose_all
from xdplb.snapshot import AttachmentView, BackendView, ServiceView, plain, read_attachment
from xdplb.state import State

app = typer.Typer(add_completion=False)

EXAMPLES = """\b
Examples:
  xdplb ls -n            services, and under each its backends
  xdplb ls -n --stats    with packets and bytes instead of weights
"""

# ipvsadm's words for how packets go on.
FORWARD = {"nat": "Masq", "dnat": "Masq", "dsr": "Route", "ipip": "Tunnel", "gue": "Tunnel"}


@app.command(epilog=EXAMPLES)
def ls_command(
    numeric: Annotated[
        bool, typer.Option("-n", "--numeric", help="Addresses as numbers; they always are.")
    ] = False,
    stats: Annotated[bool, typer.Option("--stats", help="Show packets and bytes.")] = False,
    interface: OnInterface = None,
    netns: Netns = None,
    as_json: AsJson = False,
) -> None:
    """Show services and backends as `ipvsadm -Ln` does."""
    enter(netns)
    state = State()
    names = choose_all(state, Choice(interface, only_here=netns is not None))
    views = [read_attachment(state.folder(name)) for name in names]
    if as_json:
        print_json(plain([service for view in views for service in view.services]))
        return
    if not views:
        typer.echo("xdplb is not attached anywhere")
    head = HEADS_STATS if stats else HEADS
    for view in views:
        typer.echo("\n".join([title(view), *head, *lines_of(view, stats)]))


HEADS = (
    "Prot LocalAddress:Port Scheduler Flags",
    "  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn",
)
HEADS_STATS = (
    "Prot LocalAddress:Port               Conns      Packets          Bytes",
    "  -> RemoteAddress:Port",
)


def title(view: AttachmentView) -> str:
    """Return the line that says which attachment follows."""
    where = f" in {view.netns}" if view.netns else ""
    return f"xdplb on {view.interface}{where} ({view.xdp_mode or 'gone'})"


def lines_of(view: AttachmentView, stats: bool) -> list[str]:
    """Return the lines of all services and backends."""
    lines = []
    for service in view.services:
        place = f"{service.protocol.upper():<4} {service.vip}:{service.port or 'any'}"
        flags = "" if service.hash_on == "flow" else f" {service.hash_on}"
        tail = f" {service.scheduler}{flags}"
        lines.append(f"{place:<33}{counters(service)}" if stats else place + tail)
        for backend in service.backends:
            lines.append(line_of(service, backend, stats))
    return lines


def line_of(service: ServiceView, backend: BackendView, stats: bool) -> str:
    """Return the line of a backend; one that keeps the client's port has the service's."""
    place = f"  -> {backend.address}:{backend.port or service.port or 'any'}"
    if stats:
        return f"{place:<33}{counters(backend)}"
    numbers = (
        f"{backend.weight:<6} {backend.active_connections:<10} {backend.inactive_connections:<10}"
    )
    return f"{place:<33} {FORWARD[service.mode]:<7} {numbers}".rstrip()


def counters(view: ServiceView | BackendView) -> str:
    """Return connections, packets and bytes in their columns."""
    return f"{view.new_connections:>9} {view.packets:>12} {view.bytes:>14}"
