# SPDX-License-Identifier: BSD-2-Clause
"""``xdplb status``."""

import typer

from xdplb.cli.options import AsJson, Netns, OnInterface, enter, print_json
from xdplb.errors import NotAttachedError
from xdplb.selection import Choice, choose_all
from xdplb.snapshot import AttachmentView, BackendView, ServiceView, plain, read_attachment
from xdplb.state import State

app = typer.Typer(add_completion=False)

EXAMPLES = """\b
Examples:
  xdplb status                    every attachment, in all network namespaces
  xdplb status -i eth0            one of them
  xdplb status --json | jq '.[].services[] | {name, packets}'
"""


@app.command(epilog=EXAMPLES)
def status_command(
    interface: OnInterface = None, netns: Netns = None, as_json: AsJson = False
) -> None:
    """Show what is attached where, its services and backends, and how packets ended."""
    enter(netns)
    state = State()
    names = choose_all(state, Choice(interface, only_here=netns is not None))
    if interface and not names:
        raise NotAttachedError(f"{interface}: xdplb is not attached; attach it with: xdplb attach")
    views = [read_attachment(state.folder(name)) for name in names]
    if as_json:
        print_json(plain(views))
    elif not views:
        typer.echo("xdplb is not attached anywhere")
    else:
        typer.echo("\n\n".join(map(describe, views)))


def describe(view: AttachmentView) -> str:
    """Return an attachment as lines for people."""
    where = f" in {view.netns}" if view.netns else ""
    mode = f"{view.xdp_mode} mode" if view.xdp_mode else "its interface is gone or out of reach"
    lines = [f"{view.interface}{where}: {mode}, program {view.program_id}"]
    for service in view.services:
        lines += describe_service(service)
    if not view.services:
        lines.append("  no service; add one with: xdplb service add VIP:PORT/PROTO BACKEND...")
    met = {word: verdict for word, verdict in view.verdicts.items() if verdict.packets}
    if met:
        lines.append("  packets ended as")
    lines += [
        f"    {word:<22}{v.packets:>12} packets {v.bytes:>15} bytes" for word, v in met.items()
    ]
    return "\n".join(lines)


def describe_service(service: ServiceView) -> list[str]:
    """Return a service and its backends as lines."""
    place = f"{service.vip}:{service.port or 'any'}/{service.protocol}"
    name = f"{service.name} ({place})" if service.name != place else place
    how = f"{service.mode}, {service.scheduler} on {service.hash_on}"
    lines = [f"  {name}  {how}; {count(service)}"]
    return lines + [f"    {describe_backend(backend)}" for backend in service.backends]


def describe_backend(backend: BackendView) -> str:
    """Return a backend as a line."""
    place = f"{backend.address}:{backend.port}" if backend.port else backend.address
    name = f" {backend.name}" if backend.name else ""
    return f"{place:<22}{name} {backend.state}, weight {backend.weight}; {count(backend)}"


def count(view: ServiceView | BackendView) -> str:
    """Return the counters of a service or backend."""
    return (
        f"{view.packets} packets, {view.bytes} bytes, "
        f"{view.new_connections} connections, {view.active_connections} active"
    )
