# SPDX-License-Identifier: BSD-2-Clause
"""How ``xdplb lab`` looks: steps, tables and bars, in colour where that can be seen."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from xdplb.lab.lifecycle import down_command
from xdplb.lab.record import LabRecord
from xdplb.lab.topology import Host, Interface, Topology

BAR_CELLS = 40
STATE_STYLES = {"up": "green", "interrupted": "yellow", "down": "dim"}


class LabView:
    """Prints to standard output; without a terminal behind it, in black and white."""

    def __init__(self) -> None:
        self._console = Console(highlight=False, soft_wrap=True)
        speaks_unicode = self._console.encoding.lower().startswith("utf")
        self._tick, self._bar, self.arrow = ("✓", "█", "→") if speaks_unicode else ("+", "#", "->")

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

    def raised(self, record: LabRecord) -> None:
        """Print the hosts of a lab that has just been raised, and what to do with it."""
        table = Table(box=None, padding=(0, 3, 0, 0), header_style="dim", pad_edge=False)
        for column in ("    namespace", "interface", "address", "MAC", "serves"):
            table.add_column(column, no_wrap=True)
        for host, interface, _ in record.topology.ports():
            table.add_row(*_row(record.prefix, host, interface))
        self._console.print()
        self._console.print(table)
        self.commands("next", next_commands(record))

    def table(self, labs: list[dict[str, Any]]) -> None:
        """Print what :func:`xdplb.lab.listing.list_labs` returns."""
        for lab in labs:
            style = STATE_STYLES[lab["state"]]
            prefix = f" (namespaces {lab['prefix']}*)" if lab["prefix"] else ""
            self._console.print(
                f"[bold]{lab['topology']}[/]{escape(prefix)} [{style}]{lab['state']}[/]"
                f"  [dim]{escape(lab['description'])}[/]"
            )
            for host in lab["hosts"]:
                plugs = ", ".join(_plug(interface) for interface in host["interfaces"])
                self._console.print(f"  {escape(host['namespace']):<12} {escape(plugs)}")

    def json(self, what: object) -> None:
        """Print *what* for programs."""
        self._console.out(json.dumps(what, indent=2))


def next_commands(record: LabRecord) -> list[tuple[str, str]]:
    """Return what can be done with a lab that is up: command, and what it does."""
    commands: list[tuple[str, str]] = []
    balancer, client, backends = roles_of(record.topology)
    if balancer is not None and backends:
        host, interface = balancer
        addresses = " ".join(str(one.addresses[0]) for one in backends)
        attach = f"xdplb attach {interface.name} {addresses}"
        commands.append((f"ip netns exec {record.prefix}{host.name} {attach}", "balance"))
        if client is not None:
            prefix = f"--prefix {record.prefix} " if record.prefix else ""
            curl = f"{prefix}{client.name} curl -s http://{host.addresses[0]}/"
            commands.append((f"xdplb lab exec {curl}", "ask the balancer"))
    return [*commands, (down_command(record), "remove it all")]


def roles_of(
    topology: Topology,
) -> tuple[tuple[Host, Interface] | None, Host | None, list[Host]]:
    """Return who balances (the first interface for XDP), who asks, and who serves HTTP."""
    balancer = next(((host, one) for host, one, _ in topology.ports() if one.xdp), None)
    backends = [host for host in topology.hosts if "http" in host.servers]
    busy = [*backends, *([balancer[0]] if balancer else [])]
    client = next((host for host in topology.hosts if host not in busy), None)
    return balancer, client, backends


def _row(prefix: str, host: Host, interface: Interface) -> tuple[str, ...]:
    addresses = ", ".join(map(str, interface.addresses))
    serves = ", ".join(f"{server} {port}" for server, port in host.servers.items())
    return f"    {prefix}{host.name}", interface.name, addresses, interface.mac, serves


def _plug(interface: dict[str, Any]) -> str:
    addresses = " ".join(interface["addresses"])
    return f"{interface['name']} {addresses} {interface['mac']}" + " XDP" * interface["xdp"]
