# SPDX-License-Identifier: BSD-2-Clause
"""``xdplb backend``: add, set, remove and list."""

from typing import Annotated

import typer

from xdplb.cli.options import AsJson, Netns, OnInterface, ServiceWord, enter, print_json, warn
from xdplb.dataplane import DataPlane
from xdplb.model import MAX_WEIGHT
from xdplb.operations import add_backends, find_services, remove_backends, set_weight
from xdplb.parse import parse_backends
from xdplb.selection import Choice, choose
from xdplb.snapshot import ServiceView, plain, read_attachment
from xdplb.state import State

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Add, change, remove and list backends.",
    epilog="""\b
Examples:
  xdplb backend add web 10.0.0.4 10.0.0.5:8080,weight=2
  xdplb backend set web 10.0.0.4 --weight 3
  xdplb backend remove web 10.0.0.4
  xdplb backend list web

\b
`any` in the place of SERVICE stands for all services of the attachment.
""",
)

ADD = """\b
Examples:
  xdplb backend add web 10.0.0.4
  xdplb backend add 10.0.0.10:80/tcp 10.0.0.4:8080,weight=2,name=big
  xdplb backend add any 10.0.0.4@02:00:00:00:00:04      to all services, by its MAC
"""
SET = """\b
Examples:
  xdplb backend set web 10.0.0.4 --weight 3
  xdplb backend set web big --weight 0                  nothing new for it
"""
REMOVE = """\b
Examples:
  xdplb backend remove web 10.0.0.4
  xdplb backend remove any 10.0.0.4 10.0.0.5
"""
LIST = """\b
Examples:
  xdplb backend list
  xdplb backend list web --json
"""


@app.command("add", epilog=ADD)
def add(
    service: ServiceWord,
    backend: Annotated[list[str], typer.Argument(metavar="BACKEND...")],
    interface: OnInterface = None,
    netns: Netns = None,
) -> None:
    """Share SERVICE out over more backends; no connection moves."""
    backends = parse_backends(backend)
    enter(netns)
    warn(*add_backends(Choice(interface, netns is not None), service, backends))


@app.command("set", epilog=SET)
def change(
    service: ServiceWord,
    backend: Annotated[str, typer.Argument(metavar="BACKEND")],
    weight: Annotated[int, typer.Option(min=0, max=MAX_WEIGHT, metavar="N", help="Its share.")],
    interface: OnInterface = None,
    netns: Netns = None,
) -> None:
    """Give a backend another share of new connections; those there are stay."""
    enter(netns)
    set_weight(Choice(interface, netns is not None), service, backend, weight)


@app.command("remove", epilog=REMOVE)
def remove(
    service: ServiceWord,
    backend: Annotated[list[str], typer.Argument(metavar="BACKEND...")],
    interface: OnInterface = None,
    netns: Netns = None,
) -> None:
    """Take backends out of SERVICE; only their own connections break."""
    enter(netns)
    remove_backends(Choice(interface, netns is not None), service, backend)


@app.command("list", epilog=LIST)
def show(
    service: Annotated[str, typer.Argument(metavar="[SERVICE]")] = "any",
    interface: OnInterface = None,
    netns: Netns = None,
    as_json: AsJson = False,
) -> None:
    """Show the backends of SERVICE, or of all."""
    enter(netns)
    folder = choose(State(), Choice(interface, netns is not None))
    with DataPlane.from_folder(folder) as plane:
        wanted = {plane.services()[n].service.title for n in find_services(plane, service)}
    views = [view for view in read_attachment(folder).services if view.name in wanted]
    if as_json:
        backends = [{"service": v.name, **b} for v in views for b in plain(v.backends)]
        print_json(backends)
        return
    for view in views:
        tell(view)


def tell(view: ServiceView) -> None:
    """Print the backends of one service."""
    typer.echo(view.name)
    for backend in view.backends:
        place = f"{backend.address}:{backend.port}" if backend.port else backend.address
        name = f" {backend.name}" if backend.name else ""
        mac = backend.mac or "-"
        typer.echo(f"  {place:<22} {mac:<18} weight {backend.weight:<6} {backend.state}{name}")
