# SPDX-License-Identifier: BSD-2-Clause
"""``xdplb events``."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated

import typer

from xdplb.abi_flows import FlowEvent
from xdplb.cli.options import Netns, OnInterface, enter
from xdplb.events import follow, wall_clock_ns
from xdplb.model import join_port
from xdplb.selection import Choice, choose
from xdplb.state import PinFolder, State

app = typer.Typer(add_completion=False)

EXAMPLES = """\b
Examples:
  xdplb events             connections as they come and go, until Ctrl-C
  xdplb events --json      one JSON document a line
"""


class StopSignal(BaseException):
    """SIGINT or SIGTERM came."""


@app.command(epilog=EXAMPLES)
def events_command(
    interface: OnInterface = None,
    netns: Netns = None,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON document a line.")] = False,
) -> None:
    """Show connections as they come and go."""
    enter(netns)
    folder = choose(State(), Choice(interface, netns is not None))
    with until_signalled():
        print_events(folder, as_json)


@contextmanager
def until_signalled() -> Iterator[None]:
    """Run the block until it ends or SIGINT or SIGTERM comes."""

    def stop(number: int, frame: object) -> None:
        raise StopSignal

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    except StopSignal:
        pass
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def print_events(folder: PinFolder, as_json: bool) -> None:
    """Print events, each when it comes, until the attachment is gone."""
    for event in follow(folder):
        print(as_document(event) if as_json else as_line(event), flush=True)


def time_of(event: FlowEvent) -> datetime:
    """Return when it happened."""
    return datetime.fromtimestamp(wall_clock_ns(event.time_ns) / 1e9, UTC)


def as_line(event: FlowEvent) -> str:
    """Return an event for people."""
    when = time_of(event).astimezone().strftime("%H:%M:%S.%f")
    way = f"{event.client}:{event.client_port} -> {event.vip}:{event.vip_port}"
    if event.kind == "refused":
        return f"{when} refused {event.protocol.value} {way}: {event.verdict}"
    backend = join_port(event.backend, event.backend_port)
    return f"{when} {event.kind:<7} {event.protocol.value} {way} -> {backend}"


def as_document(event: FlowEvent) -> str:
    """Return an event as JSON."""
    import json  # noqa: PLC0415 - only where it is asked for

    fields = event._asdict()
    fields["time"] = time_of(event).isoformat()
    for name in ("time_ns", "service_id", "backend_id"):
        del fields[name]
    fields["protocol"] = event.protocol.value
    for name in ("client", "vip", "backend"):
        fields[name] = str(fields[name])
    return json.dumps(fields)
