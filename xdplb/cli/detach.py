# SPDX-License-Identifier: BSD-2-Clause
"""``xdplb detach``."""

from typing import Annotated

import typer

from xdplb.cli.options import Netns, complete_attached, enter
from xdplb.controller import detach, detach_all
from xdplb.errors import UsageError

app = typer.Typer(add_completion=False)

EXAMPLES = """\b
Examples:
  xdplb detach eth0               take it off eth0; nothing of it is left
  xdplb detach veth6 --netns lb   in a network namespace
  xdplb detach --all              everywhere, in all network namespaces
"""


@app.command(epilog=EXAMPLES)
def detach_command(
    interface: Annotated[
        str | None,
        typer.Argument(metavar="IFACE", autocompletion=complete_attached, help="From where."),
    ] = None,
    everywhere: Annotated[bool, typer.Option("--all", help="From every interface.")] = False,
    netns: Netns = None,
) -> None:
    """Take the balancer off IFACE, with its program, maps and pins."""
    if everywhere == (interface is not None):
        raise UsageError("detach: name an interface, or --all for every one")
    if everywhere and netns is not None:
        raise UsageError("detach: --all is for all network namespaces; leave out --netns")
    enter(netns)
    names = detach_all() if interface is None else [detach(interface)]
    for name in names:
        typer.echo(f"{name}: xdplb is detached")
    if not names:
        typer.echo("xdplb is not attached anywhere")
