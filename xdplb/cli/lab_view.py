# SPDX-License-Identifier: BSD-2-Clause
"""How ``xdplb lab`` looks: steps, tables and bars, in colour where that can be seen."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from rich.console import Console
from rich.markup import escape

from xdplb.lab.finding import down_command
from xdplb.lab.record import LabRecord
from xdplb.lab.roles import roles_of
from xdplb.lab.topology import Host, Interface

BAR_CELLS = 56
STATE_STYLES = {"up": "green", "interrupted": "yellow", "down": "dim"}


class LabView:
    """Prints to standard output; without a terminal behind it, in black and white."""

    def __init__(self) -> None:
        self._console = Console(highlight=False, soft_wrap=True)
        speaks_unicode = self._console.encoding.lower().startswith("utf")
        self._tick, self._bar = ("✓", "█") if speaks_unicode else ("+", "#")
        self._forks = ("──┬──▶ ", "  ├──▶ ", "  └──▶ ") if speaks_unicode else ("--+--> ",) * 3

    def title(self, text: str) -> None:
        """Print a heading with room around it."""
        self._console.print(f"\n[bold]{escape(text)}[/]\n")

    def step(self, text: str) -> None:
        """Print what has been done."""
        self._console.print(f"  [green]{self._tick}[/] {escape(text)}")

    def note(self, text: str) -> None:
        """Print what someone should know."""
        self._console.print(f"  [yellow]![/] {escape(text)}")

    def commands(self, lead: str, commands: list[tuple[str, str]]) -> None:
        """Print commands to paste, each with what it does."""
        self._console.print(f"\n  {escape(lead)}")
        width = max(len(command) for command, _ in commands)
        for command, what in commands:
            self._console.print(f"    [cyan]{escape(command):<{width}}[/]  [dim]{escape(what)}[/]")
        self._console.print()

    def bars(self, lead: str, counts: Mapping[str, int]) -> None:
        """Print *counts*, a bar each, together as long as all of them would be one bar."""
        self._console.print(f"\n  {escape(lead)}")
        total, width = sum(counts.values()), max(map(len, counts))
        for number, (name, count) in enumerate(sorted(counts.items())):
            bar = self._bar * max(round(count / total * BAR_CELLS), 1 if count else 0)
            colour = ("cyan", "magenta", "green", "yellow", "blue")[number % 5]
            share = f"{count / total:4.0%}"
            self._console.print(
                f"    [bold]{escape(name):<{width}}[/] {count:>5} {share}  [{colour}]{bar}[/]"
            )

    def blank(self) -> None:
        """Print an empty line."""
        self._console.print()

    def busy(self, doing: str) -> AbstractContextManager[object]:
        """Show that something is being done, for as long as the block lasts."""
        if not self._console.is_terminal:
            return nullcontext()
        return self._console.status(f"[dim]{escape(doing)}[/]", spinner_style="green")

    def raised(self, record: LabRecord) -> None:
        """Print the hosts of a lab that has just been raised, and what to do with it."""
        rows = [_row(record.prefix, host, one) for host, one, _ in record.topology.ports()]
        self._console.print()
        self.columns(("namespace", "interface", "address", "MAC", "serves"), rows)
        self.commands("next", next_commands(record))

    def labs(self, labs: list[dict[str, Any]]) -> None:
        """Print what :func:`xdplb.lab.listing.list_labs` returns."""
        for lab in labs:
            style = STATE_STYLES[lab["state"]]
            prefix = f" (namespaces {lab['prefix']}*)" if lab["prefix"] else ""
            self._console.print(
                f"[bold]{lab['topology']}[/]{escape(prefix)}: [{style}]{lab['state']}[/]"
                f"  [dim]{escape(lab['description'])}[/]"
            )
            self.columns(
                (), [_plug(host, one) for host in lab["hosts"] for one in host["interfaces"]]
            )

    def way(self, asking: str, balancing: str, answering: list[str]) -> None:
        """Draw a packet's way: who asks, through what, and who may answer."""
        first, between, last = self._forks
        lead = f"    {asking} {first[:2]}{last[-3:]}{balancing} "
        for number, name in enumerate(answering):
            fork = last if number == len(answering) - 1 else between
            line = f"{' ' * len(lead)}{fork}" if number else lead + first
            self._console.print(f"{escape(line)}[bold]{escape(name)}[/]")
        self._console.print()

    def columns(self, heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
        """Print a table as wide as it needs to be: what is cut off cannot be copied."""
        table = [heads, *rows] if heads else rows
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        for row in table:
            line = "   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            style = ("[dim]", "[/]") if row is heads else ("", "")
            self._console.print(f"    {style[0]}{escape(line.rstrip())}{style[1]}")

    def json(self, what: object) -> None:
        """Print *what* for programs."""
        self._console.out(json.dumps(what, indent=2))


def next_commands(record: LabRecord) -> list[tuple[str, str]]:
    """Return what can be done with a lab that is up: command, and what it does."""
    down = (down_command(record), "remove it all")
    roles = roles_of(record.topology)
    if roles is None:
        return [down]
    attach = f"xdplb attach {roles.interface.name} {' '.join(roles.backend_addresses)}"
    prefix = f"--prefix {record.prefix} " if record.prefix else ""
    curl = f"{prefix}{roles.client.name} curl -s http://{roles.vip}/"
    return [
        (f"ip netns exec {record.prefix}{roles.balancer.name} {attach}", "balance"),
        (f"xdplb lab exec {curl}", "ask the balancer"),
        down,
    ]


def _row(prefix: str, host: Host, interface: Interface) -> tuple[str, ...]:
    addresses = ", ".join(map(str, interface.addresses))
    serves = ", ".join(f"{server} {port}" for server, port in host.servers.items())
    return f"{prefix}{host.name}", interface.name, addresses, interface.mac, serves


def _plug(host: dict[str, Any], interface: dict[str, Any]) -> tuple[str, ...]:
    addresses = ", ".join(interface["addresses"])
    xdp = "XDP" if interface["xdp"] else ""
    return host["namespace"], interface["name"], addresses, interface["mac"], xdp
