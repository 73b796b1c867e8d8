# SPDX-License-Identifier: BSD-2-Clause
"""Options and arguments that several commands have, and what they complete to."""

import os
from typing import Annotated, Any

import typer

from xdplb.errors import InterfaceError, UsageError
from xdplb.model import HashOn, Scheduler
from xdplb.namespace import NAMED
from xdplb.parse import BUILT


def complete_netns(incomplete: str) -> list[str]:
    """Return the named network namespaces."""
    return sorted(os.listdir(NAMED)) if os.path.isdir(NAMED) else []


def complete_interface(incomplete: str) -> list[str]:
    """Return the interfaces of this network namespace."""
    return sorted(os.listdir("/sys/class/net"))


def complete_attached(incomplete: str) -> list[str]:
    """Return the interfaces that xdplb is on."""
    from xdplb.state import State  # noqa: PLC0415 - only when completing

    return [name.interface for name in State().names()]


def complete_service(incomplete: str) -> list[str]:
    """Return the services of all attachments."""
    from xdplb.dataplane import DataPlane  # noqa: PLC0415 - only when completing
    from xdplb.state import State  # noqa: PLC0415

    state, words = State(), ["any"]
    for name in state.names():
        with DataPlane.from_folder(state.folder(name)) as plane:
            words += [record.service.title for record in plane.services().values()]
    return words


def words_of(kind: Any) -> list[str]:
    """Return the words of an enumeration that this version knows."""
    return [member.value for member in kind if member in BUILT]


Netns = Annotated[
    str | None,
    typer.Option(
        "--netns",
        metavar="NAME",
        help="Act in that network namespace.",
        autocompletion=complete_netns,
    ),
]
OnInterface = Annotated[
    str | None,
    typer.Option(
        "-i",
        "--interface",
        metavar="IFACE",
        help="The attachment; with only one there is nothing to choose.",
        autocompletion=complete_attached,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="For programs; see docs/command.md.")]
ServiceWord = Annotated[
    str,
    typer.Argument(
        metavar="SERVICE",
        help="VIP:PORT/PROTO, its name, or `any` for all.",
        autocompletion=complete_service,
    ),
]
SchedulerWord = Annotated[
    str | None,
    typer.Option(
        "--scheduler",
        metavar="NAME",
        help="maglev (default), hash or round-robin.",
        autocompletion=lambda incomplete: words_of(Scheduler),
    ),
]
HashOnWord = Annotated[
    str | None,
    typer.Option(
        "--hash-on",
        metavar="WHAT",
        help="flow (default), source-address, source-port or destination-port.",
        autocompletion=lambda incomplete: words_of(HashOn),
    ),
]
ModeWord = Annotated[
    str, typer.Option("--mode", metavar="MODE", help="nat (default), dnat, dsr, ipip or gue.")
]
Force = Annotated[
    bool, typer.Option("--force", help="Also where it takes your own SSH session's packets.")
]


def enter(netns: str | None) -> None:
    """Move this process to a network namespace, for good: it has one thread and ends soon.

    :raises InterfaceError: if there is none of that name
    """
    if netns is None:
        return
    if not netns:
        raise UsageError("--netns: names nothing; `ip netns` shows those there are")
    from xdplb.bpf import enter_network_namespace  # noqa: PLC0415 - only where it is asked for
    from xdplb.bpf.errors import NotFoundError  # noqa: PLC0415

    try:
        enter_network_namespace(netns)
    except NotFoundError:
        raise InterfaceError(
            f"{netns}: there is no such network namespace; `ip netns` shows those there are"
        ) from None


def print_json(value: Any) -> None:
    """Print *value* as one JSON document."""
    import json  # noqa: PLC0415 - only where it is asked for

    typer.echo(json.dumps(value, indent=2))


def warn(*warnings: str) -> None:
    """Print warnings to stderr."""
    for warning in warnings:
        typer.echo(f"xdplb: warning: {warning}", err=True)
