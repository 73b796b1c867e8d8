# SPDX-License-Identifier: BSD-2-Clause
"""``xdplb connections``: list, count and flush."""

from typing import Annotated, Any

import typer

from xdplb.cli.options import AsJson, Netns, OnInterface, enter, print_json
from xdplb.dataplane import DataPlane
from xdplb.model import join_port
from xdplb.operations import flush
from xdplb.selection import Choice, choose
from xdplb.state import State

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="List, count and forget connections.",
    epilog="""\b
Examples:
  xdplb connections list             who talks to which backend
  xdplb connections count --json     how many, by backend
  xdplb connections flush            forget them all: each breaks that is not UDP
""",
)


@app.command("list")
def show(
    limit: Annotated[
        int, typer.Option("--limit", min=1, metavar="N", help="At most so many.")
    ] = 1000,
    interface: OnInterface = None,
    netns: Netns = None,
    as_json: AsJson = False,
) -> None:
    """Show the connections that are remembered, in no order."""
    enter(netns)
    rows = read_rows(Choice(interface, netns is not None), limit)
    if as_json:
        print_json(rows)
        return
    for row in rows:
        way = f"{row['client']}:{row['client_port']} -> {row['vip']}:{row['vip_port']}"
        backend = f"{row['backend']}:{row['backend_port']}"
        typer.echo(f"{row['protocol']:<4} {way:<46} -> {backend:<22} idle {row['idle_s']} s")


def read_rows(choice: Choice, limit: int) -> list[dict[str, Any]]:
    """Return up to *limit* connections as JSON shows them."""
    rows = []
    with DataPlane.from_folder(choose(State(), choice)) as plane:
        backends = plane.backends()
        for connection in plane.connections(limit):
            if connection.backend_id not in backends:
                continue  # it was removed at this moment
            row = connection._asdict()
            row["protocol"] = connection.protocol.value
            row["client"], row["vip"] = str(connection.client), str(connection.vip)
            row["backend"] = str(backends[row.pop("backend_id")].backend.address)
            rows.append(row)
    return rows


@app.command("count")
def count(interface: OnInterface = None, netns: Netns = None, as_json: AsJson = False) -> None:
    """Count the connections of each backend."""
    enter(netns)
    folder = choose(State(), Choice(interface, netns is not None))
    with DataPlane.from_folder(folder) as plane:
        tally, services = plane.count_connections(), plane.services()
        rows = [
            {
                "service": services[record.service_id].service.title,
                "backend": join_port(record.backend.address, record.backend.port),
                "active_connections": tally.active.get(number, 0),
                "inactive_connections": tally.inactive.get(number, 0),
            }
            for number, record in plane.backends().items()
            if record.service_id in services
        ]
    if as_json:
        print_json(rows)
        return
    for row in rows:
        typer.echo(f"{row['active_connections']:>8} active  {row['service']} -> {row['backend']}")


@app.command("flush")
def forget(interface: OnInterface = None, netns: Netns = None) -> None:
    """Forget all connections; those that go on are given a backend anew."""
    enter(netns)
    gone = flush(Choice(interface, netns is not None))
    typer.echo(f"{gone} connections are forgotten")
