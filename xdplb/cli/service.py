# SPDX-License-Identifier: BSD-2-Clause
"""``xdplb service``: add, set, remove and list."""

from typing import Annotated

import typer

from xdplb.abi import SERVICE_NAME_LONGEST
from xdplb.cli.options import (
    AsJson,
    Force,
    HashOnWord,
    ModeWord,
    Netns,
    OnInterface,
    SchedulerWord,
    ServiceWord,
    enter,
    print_json,
    warn,
)
from xdplb.errors import UsageError
from xdplb.model import HashOn, Mode, Scheduler, Service
from xdplb.operations import change_service, create_service, delete_service
from xdplb.parse import parse_backends, parse_choice, parse_name, parse_service_key
from xdplb.selection import Choice, choose
from xdplb.snapshot import plain, read_attachment
from xdplb.state import State

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Add, change, remove and list services.",
    epilog="""\b
Examples:
  xdplb service add 10.0.0.10:80/tcp 10.0.0.2 10.0.0.3 --name web
  xdplb service set web --scheduler hash --hash-on source-address
  xdplb service remove web
  xdplb service list --json

\b
A SERVICE is VIP:PORT/PROTO, the port may be `any`; or its name.
""",
)

ADD = """\b
Examples:
  xdplb service add 10.0.0.10:80/tcp 10.0.0.2 10.0.0.3 --name web
  xdplb service add 10.0.0.10:53/udp 10.0.0.2,weight=3 10.0.0.3 --hash-on source-address
  xdplb service add 10.0.0.10:443/tcp           backends come later, with `backend add`
"""
SET = """\b
Examples:
  xdplb service set web --scheduler hash
  xdplb service set 10.0.0.10:80/tcp --hash-on source-address
"""
REMOVE = """\b
Examples:
  xdplb service remove web
  xdplb service remove 10.0.0.10:80/tcp -i eth0
"""
LIST = """\b
Examples:
  xdplb service list
  xdplb service list --json -i eth0
"""


@app.command("add", epilog=ADD)
def add(
    service: Annotated[str, typer.Argument(metavar="SERVICE", help="VIP:PORT/PROTO.")],
    backend: Annotated[list[str] | None, typer.Argument(metavar="[BACKEND]...")] = None,
    *,
    name: Annotated[str | None, typer.Option(metavar="X", help="A name to call it by.")] = None,
    mode: ModeWord = "nat",
    scheduler: SchedulerWord = None,
    hash_on: HashOnWord = None,
    force: Force = False,
    interface: OnInterface = None,
    netns: Netns = None,
) -> None:
    """Balance another VIP, port and protocol."""
    wanted = Service(
        parse_service_key(service),
        parse_backends(backend or []),
        parse_name(name, "service", SERVICE_NAME_LONGEST) if name is not None else "",
        parse_choice(mode, Mode, "forwarding mode"),
        parse_choice(scheduler or "maglev", Scheduler, "scheduler"),
        parse_choice(hash_on or "flow", HashOn, "hash input"),
    )
    enter(netns)
    warn(*create_service(Choice(interface, netns is not None), wanted, force))


@app.command("set", epilog=SET)
def change(
    service: ServiceWord,
    scheduler: SchedulerWord = None,
    hash_on: HashOnWord = None,
    interface: OnInterface = None,
    netns: Netns = None,
) -> None:
    """Choose backends another way; connections stay where they are."""
    if scheduler is None and hash_on is None:
        raise UsageError("service set: nothing to set; name --scheduler or --hash-on")
    by = parse_choice(scheduler, Scheduler, "scheduler") if scheduler else None
    on = parse_choice(hash_on, HashOn, "hash input") if hash_on else None
    enter(netns)
    change_service(Choice(interface, netns is not None), service, by, on)


@app.command("remove", epilog=REMOVE)
def remove(service: ServiceWord, interface: OnInterface = None, netns: Netns = None) -> None:
    """Balance it no more; its connections break."""
    enter(netns)
    delete_service(Choice(interface, netns is not None), service)


@app.command("list", epilog=LIST)
def show(interface: OnInterface = None, netns: Netns = None, as_json: AsJson = False) -> None:
    """Show the services of an attachment."""
    enter(netns)
    view = read_attachment(choose(State(), Choice(interface, netns is not None)))
    if as_json:
        print_json(plain(view.services))
        return
    for service in view.services:
        place = f"{service.vip}:{service.port or 'any'}/{service.protocol}"
        how = f"{service.mode} {service.scheduler} {service.hash_on}"
        name = f" {service.name}" if service.name != place else ""
        typer.echo(f"{place:<28} {how}, {len(service.backends)} backends{name}")
