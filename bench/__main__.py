# SPDX-License-Identifier: BSD-2-Clause
"""``make bench``: prints the tables of docs/performance.md, measured on this machine."""

import argparse

from rich.console import Console
from rich.table import Table

from bench import binding, loading
from bench.packets import FLOWS, Row, measure_rows
from bench.rig import Rig

PARTS = ["packets", "loading", "binding"]


def format_flows(flows: int) -> str:
    """Return a number of flows as 1, 1 Ki or 1 Mi."""
    for unit, size in (("Mi", 1 << 20), ("Ki", 1 << 10)):
        if flows >= size:
            return f"{flows // size} {unit}"
    return str(flows)


def format_figure(row: Row, flows: int) -> str:
    """Return a figure with its bound, marked where it is missed."""
    if flows not in row.net_ns:
        return ""
    figure = f"{row.net_ns[flows]:.1f}"
    if flows not in row.bound_ns:
        return figure
    missed = row.net_ns[flows] > row.bound_ns[flows]
    return f"{figure} (≤ {row.bound_ns[flows]:g}{', missed' if missed else ''})"


def packet_table(rows: list[Row]) -> Table:
    """Return the table of nanoseconds per packet."""
    table = Table(title="ns per packet above `return XDP_TX` (bound)", title_justify="left")
    table.add_column("packet")
    for flows in FLOWS:
        table.add_column(f"{format_flows(flows)} flows", justify="right")
    for row in rows:
        table.add_row(row.name, *(format_figure(row, flows) for flows in FLOWS))
    return table


def loading_table() -> Table:
    """Return the table of what loading costs."""
    table = Table(title="loading (bound)", title_justify="left")
    table.add_column("what")
    table.add_column("figure", justify="right")
    for figure in loading.measure():
        missed = ", missed" if figure.value > figure.bound else ""
        table.add_row(
            figure.name, f"{figure.value:,.1f} {figure.unit} (≤ {figure.bound:,g}{missed})"
        )
    return table


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("what", nargs="*", choices=[*PARTS, []], default=[])
    chosen = parser.parse_args().what or PARTS
    if "packets" in chosen:
        with Rig() as rig:
            Console(width=120).print(packet_table(measure_rows(rig)))
    if "loading" in chosen:
        Console(width=120).print(loading_table())
    if "binding" in chosen:
        binding.main()


if __name__ == "__main__":
    main()
