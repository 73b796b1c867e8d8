# SPDX-License-Identifier: BSD-2-Clause
"""``xdplb lab``: hosts as network namespaces on this machine, to try the balancer in.

pyroute2 and rich are imported inside the commands: ``lab exec`` needs neither.
"""
# ruff: noqa: PLC0415

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from xdplb.bpf import enter_network_namespace
from xdplb.lab.finding import find_host, find_lab

DEFAULT_TOPOLOGY = "tutorial"
DEMO_PREFIX = "demo-"

app = typer.Typer(
    help="Raise a lab of network namespaces to try the balancer in.",
    no_args_is_help=True,
    add_completion=False,
)

Prefix = Annotated[
    str, typer.Option("--prefix", metavar="NAME-", help="Stands before each namespace's name.")
]
Wanted = Annotated[
    str, typer.Argument(metavar="[TOPOLOGY]", help="Its name, or a YAML file.", show_default=True)
]


@app.command("up")
def raise_it(topology: Wanted = DEFAULT_TOPOLOGY, prefix: Prefix = "") -> None:
    """Raise the lab of TOPOLOGY, check that all reach all, and start its servers."""
    from xdplb.cli.lab_view import LabView
    from xdplb.lab.lifecycle import raise_lab
    from xdplb.lab.reading import find_topology

    view = LabView()
    with _ended_by_sigterm():
        record = raise_lab(find_topology(topology), prefix, view.step)
    view.raised(record)


@app.command("down")
def take_it_down(
    topology: Annotated[
        str | None, typer.Argument(metavar="[TOPOLOGY]", help="Default: the one that is up.")
    ] = None,
    prefix: Prefix = "",
) -> None:
    """Remove a lab with everything in it, also one that was half raised."""
    from xdplb.cli.lab_view import LabView
    from xdplb.lab.lifecycle import take_down

    record = find_lab(_name_of(topology), prefix)
    view = LabView()
    for note in take_down(record):
        view.note(note)
    view.step(f"lab {record.name} is down")


@app.command("demo")
def demonstrate(prefix: Prefix = DEMO_PREFIX) -> None:
    """Raise a lab of its own, balance 200 real HTTP requests, show the spread, take it down."""
    from xdplb.cli.lab_demo import run_demo
    from xdplb.cli.lab_view import LabView

    with _ended_by_sigterm():
        run_demo(LabView(), prefix)


@app.command("exec", context_settings={"allow_interspersed_args": False})
def run_in_host(
    host: Annotated[str, typer.Argument(help="A host of the lab, as in its topology.")],
    command: Annotated[list[str], typer.Argument(metavar="COMMAND...")],
    prefix: Prefix = "",
) -> None:
    """Run COMMAND in HOST; its exit code is ours. /sys stays what it is, pins are seen."""
    enter_network_namespace(find_host(host, prefix))
    _become(command[1:] if command[0] == "--" else command)


@app.command("list")
def show_them(
    as_json: Annotated[bool, typer.Option("--json", help="For programs; see docs/lab.md.")] = False,
) -> None:
    """Show the topologies there are and the labs that are up."""
    from xdplb.cli.lab_view import LabView
    from xdplb.lab.listing import list_labs

    view = LabView()
    view.json(list_labs()) if as_json else view.labs(list_labs())


def _become(command: list[str]) -> None:
    """Replace this process by *command*; exit codes as a shell has them where that fails."""
    # Python ignores SIGPIPE, and what is ignored stays so in the new program.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    sys.stdout.flush()
    try:
        os.execvp(command[0], command)  # noqa: S606 (no shell is the point)
    except OSError as reason:
        typer.echo(f"xdplb: {command[0]}: cannot be run: {reason.strerror}", err=True)
        raise typer.Exit(127 if isinstance(reason, FileNotFoundError) else 126) from reason


def _name_of(topology: str | None) -> str | None:
    """Return the name of a topology that may be given as a file."""
    if topology is None or (os.sep not in topology and not topology.endswith(".yaml")):
        return topology
    return os.path.basename(topology).removesuffix(".yaml")


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Let SIGTERM end the block as an exception, so that what was made is undone."""

    def end(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
