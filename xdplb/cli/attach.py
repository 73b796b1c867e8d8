# SPDX-License-Identifier: BSD-2-Clause
"""``xdplb attach``."""

from ipaddress import IPv4Address
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xdplb.bpf import XdpMode
from xdplb.cli.options import (
    AsJson,
    Force,
    HashOnWord,
    ModeWord,
    Netns,
    SchedulerWord,
    complete_interface,
    enter,
    print_json,
    warn,
)
from xdplb.controller import attach
from xdplb.errors import UsageError
from xdplb.loader import Settings
from xdplb.maglev import is_prime
from xdplb.model import HashOn, Limits, Mode, Protocol, Scheduler, Service, ServiceKey
from xdplb.namespace import is_named
from xdplb.parse import parse_address, parse_backends, parse_choice, parse_port_protocol
from xdplb.request import Attached, Request

if TYPE_CHECKING:
    from collections.abc import Mapping

app = typer.Typer(add_completion=False)

EXAMPLES = """\b
Examples:
  xdplb attach eth0 10.0.0.2 10.0.0.3
      any TCP and UDP port of eth0's address, shared out over two backends
  xdplb attach eth0 10.0.0.2 10.0.0.3 --port 80 --port 53/udp
      those ports only
  xdplb attach eth0 10.0.0.2:8080,weight=3 10.0.0.3:8080@02:00:00:00:00:03 --vip 10.0.0.10
      three of four connections to the first; the second's MAC is not looked up
  xdplb attach eth0 10.0.0.2 10.0.0.4 --replace
      a new program and other backends, while connections go on
  xdplb attach veth6 10.0.0.2 --netns lb --foreground
      in a network namespace; Ctrl-C detaches

\b
A BACKEND is ADDR or ADDR:PORT, with @MAC, ,weight=N and ,name=X after it;
MAC/ADDR and the pair ADDR MAC are read too.
"""

# What the program can find: its index has 65,536 places at most.
MOST_SERVICES = 4096
MOST_BACKENDS = 65536
MOST_CONNECTIONS = 16 * 1024 * 1024
DEFAULTS = Limits()


@app.command(epilog=EXAMPLES)
def attach_command(
    interface: Annotated[
        str, typer.Argument(metavar="IFACE", autocompletion=complete_interface, help="Where.")
    ],
    backend: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[BACKEND]...", help="Without any: no service yet.", show_default=False
        ),
    ] = None,
    *,
    vip: Annotated[
        str | None,
        typer.Option(metavar="ADDR", help="The service's address; default: IFACE's first."),
    ] = None,
    port: Annotated[
        list[str] | None,
        typer.Option(metavar="PORT[/PROTO]", help="Only that port (tcp or udp); may be repeated."),
    ] = None,
    mode: ModeWord = "nat",
    scheduler: SchedulerWord = None,
    hash_on: HashOnWord = None,
    xdp_mode: Annotated[
        str,
        typer.Option(metavar="MODE", help="auto (native, else generic), native, generic, offload."),
    ] = "auto",
    foreground: Annotated[
        bool, typer.Option("--foreground", help="Stay, print events, detach on Ctrl-C.")
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Swap the program that is there; connections go on.")
    ] = False,
    force: Force = False,
    netns: Netns = None,
    max_services: Annotated[
        int | None,
        typer.Option(min=1, max=MOST_SERVICES, metavar="N", help=f"Default: {DEFAULTS.services}."),
    ] = None,
    max_backends: Annotated[
        int | None,
        typer.Option(min=1, max=MOST_BACKENDS, metavar="N", help=f"Default: {DEFAULTS.backends}."),
    ] = None,
    max_connections: Annotated[
        int | None,
        typer.Option(
            min=1, max=MOST_CONNECTIONS, metavar="N", help=f"Default: {DEFAULTS.connections}."
        ),
    ] = None,
    table_size: Annotated[
        int | None,
        typer.Option(
            metavar="M", help=f"Slots a service, a prime; default: {DEFAULTS.table_size}."
        ),
    ] = None,
    debug: Annotated[
        bool, typer.Option("--debug", help="A line a packet in /sys/kernel/tracing/trace_pipe.")
    ] = False,
    verifier_log: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write down what the verifier says.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Put the balancer on IFACE; it runs on without any process."""
    # What can be refused by the words alone is refused before anything is looked at.
    request = Request(
        interface,
        parse_backends(backend or []),
        pattern(mode, scheduler, hash_on),
        parse_address(vip) if vip else None,
        [parse_port_protocol(word) for word in port or []],
        parse_xdp_mode(xdp_mode),
        chosen_limits(
            services=max_services,
            backends=max_backends,
            connections=max_connections,
            table_size=table_size,
        ),
        Settings(debug=debug, verifier_log=verifier_log),
        force,
        replace,
    )
    enter(netns)
    attached = attach(request)
    warn(*attached.warnings)
    if as_json:
        print_json(as_plain(attached))
    else:
        tell(attached)
    if foreground:
        stay(attached)


def pattern(mode: str, scheduler: str | None, hash_on: str | None) -> Service:
    """Return what all services of the call have in common."""
    nowhere = ServiceKey(IPv4Address(0), 0, Protocol.TCP)
    return Service(
        nowhere,
        mode=parse_choice(mode, Mode, "forwarding mode"),
        scheduler=parse_choice(scheduler or "maglev", Scheduler, "scheduler"),
        hash_on=parse_choice(hash_on or "flow", HashOn, "hash input"),
    )


def parse_xdp_mode(word: str) -> XdpMode:
    """Read ``auto``, ``native``, ``generic`` or ``offload``."""
    try:
        return XdpMode(word)
    except ValueError:
        words = ", ".join(mode.value for mode in XdpMode)
        raise UsageError(f"{word}: is not an XDP mode; use one of: {words}") from None


def chosen_limits(**limits: int | None) -> "Mapping[str, int]":
    """Return the limits that were named.

    :raises UsageError: if the table size is no prime, or not one that makes sense
    """
    size = limits["table_size"]
    if size is not None and not (2 < size < 1 << 20 and is_prime(size)):
        raise UsageError(
            f"{size}: is not a table size; take a prime from 3 to 1048573, "
            "100 times the backends of a service or more"
        )
    return {name: limit for name, limit in limits.items() if limit is not None}


def undo_of(attached: Attached) -> str:
    """Return the command that takes back what attach did."""
    interface, netns = attached.name
    # A network namespace without a name can only be named by being in it, as the caller is.
    named = netns is not None and is_named(netns)
    return f"xdplb detach {interface}" + (f" --netns {netns}" if named else "")


def tell(attached: Attached) -> None:
    """Print what was done and how it is undone."""
    verb = "replaced" if attached.replaced else "attached"
    typer.echo(f"{attached.name.interface}: xdplb is {verb}, {attached.mode.value} mode")
    for service in attached.services:
        places = ", ".join(backend.identity for backend in service.backends)
        typer.echo(f"  {service.key} -> {places}")
    typer.echo(f"undo it with: {undo_of(attached)}")


def as_plain(attached: Attached) -> dict[str, object]:
    """Return what was done, for JSON."""
    return {
        "interface": attached.name.interface,
        "netns": attached.name.netns,
        "xdp_mode": attached.mode.value,
        "services": [str(service.key) for service in attached.services],
        "replaced": attached.replaced,
        "warnings": list(attached.warnings),
        "undo": undo_of(attached),
    }


def stay(attached: Attached) -> None:
    """Print events until SIGINT or SIGTERM, then detach, unless somebody else has already."""
    from xdplb.cli.events import print_events, until_signalled  # noqa: PLC0415 - rarely wanted
    from xdplb.controller import detach  # noqa: PLC0415
    from xdplb.state import State  # noqa: PLC0415

    folder = State().folder(attached.name)
    try:
        with until_signalled():
            print_events(folder, as_json=False)
    finally:
        if folder.exists():
            detach(attached.name.interface)
    typer.echo(f"{attached.name.interface}: xdplb is detached")
