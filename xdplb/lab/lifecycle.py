# SPDX-License-Identifier: BSD-2-Clause
"""Raising a lab and taking it down; what goes wrong on the way up is undone at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from xdplb.lab.errors import LabError
from xdplb.lab.finding import down_command, find_lab
from xdplb.lab.namespaces import create_namespace, owner_of
from xdplb.lab.processes import StartedServers
from xdplb.lab.reachability import check_reachability
from xdplb.lab.record import LabRecord, all_labs_locked, load_records
from xdplb.lab.removal import remove_lab
from xdplb.lab.topology import Host, Topology
from xdplb.lab.wiring import finish_host, plug_in, set_up_host, set_up_switch

PREFIX = re.compile(r"([A-Za-z0-9][A-Za-z0-9_-]{0,31})?")
ELSE = "use other names: xdplb lab up --prefix NAME-"

Report = Callable[[str], None]


def raise_lab(topology: Topology, prefix: str = "", report: Report = lambda _: None) -> LabRecord:
    """Build *topology*, check that every host reaches every other, start the servers.

    :param prefix: put before the name of each namespace, so that labs don't get in each
        other's way
    :param report: told each step that is done, as a line for people
    :raises LabError: if something of it is there already or the kernel refuses; then nothing is
        left of what was made
    """
    if not PREFIX.fullmatch(prefix):
        raise LabError(
            f"prefix: {prefix!r}: 32 letters, digits, - and _ at most, a letter or digit first"
        )
    record = LabRecord(topology, prefix)
    with all_labs_locked():
        refuse_what_is_taken(record)
        record.save()
        try:
            record = _build(record, report)
        except BaseException:
            # Whatever it was, Ctrl-C too; the record on disk knows the servers that were started.
            remove_lab(find_lab(topology.name, prefix))
            raise
    return record


def take_down(record: LabRecord) -> list[str]:
    """Remove everything of a lab; return what people should know of it, a line each.

    :raises LabError: if something of it stays; the lab stays known, to be taken down again
    """
    with all_labs_locked():
        if record.name not in {one.name for one in load_records()}:
            raise LabError(f"lab {record.name}: somebody else has just taken it down")
        return remove_lab(find_lab(record.topology.name, record.prefix))


@contextmanager
def standing_lab(
    topology: Topology, prefix: str = "", report: Report = lambda _: None
) -> Iterator[LabRecord]:
    """Raise *topology* for the block, and take it down whatever happens in there.

    :raises LabError: as :func:`raise_lab` and :func:`take_down`
    """
    record = raise_lab(topology, prefix, report)
    try:
        yield record
    finally:
        take_down(record)


def refuse_what_is_taken(record: LabRecord) -> None:
    """Refuse to raise *record* over what is there.

    :raises LabError: if this lab is up, half up, or one of its namespaces exists
    """
    down = f"take it down first: {down_command(record)}"
    for other in load_records():
        if other.name == record.name:
            state = "is up already" if other.complete else "is half up: raising it was interrupted"
            raise LabError(f"lab {record.name}: {state}; {down}")
    for name in record.namespaces:
        owner = owner_of(name)
        if owner:
            raise LabError(f"namespace {name}: lab {owner} has it; take that down, or {ELSE}")
        if owner is not None:
            raise LabError(f"namespace {name}: exists and is no lab's; remove it, or {ELSE}")


def _build(record: LabRecord, report: Report) -> LabRecord:
    topology, prefix = record.topology, record.prefix
    for name in record.namespaces:
        create_namespace(name, record.name)
    for switch in topology.switches:
        set_up_switch(prefix + switch)
    for host in topology.hosts:
        set_up_host(host, prefix + host.name)
    for host, interface, port in topology.ports():
        plug_in(interface, port, prefix + host.name, prefix + interface.switch)
    for host in topology.hosts:
        finish_host(host, prefix + host.name)
    report(f"{len(topology.hosts)} hosts stand: {', '.join(one.name for one in topology.hosts)}")
    asked = check_reachability(topology, prefix)
    report(f"every host reaches every other: {asked} of {asked} answered")
    record = replace(_start_servers(record), complete=True)
    record.save()
    report(f"servers accept on: {', '.join(one.host for one in record.servers) or 'no host'}")
    return record


def _start_servers(record: LabRecord) -> LabRecord:
    """Start them all, then wait for each; a server is kept only once the record knows it."""
    with ExitStack() as stack:
        started = [
            stack.enter_context(_servers_of(host, record))
            for host in record.topology.hosts
            if host.servers
        ]
        for one in started:
            record = record.with_server(one.wait_until_ready())
            record.save()
            one.keep()
    return record


def _servers_of(host: Host, record: LabRecord) -> StartedServers:
    log = record.folder / f"{host.name}.log"
    return StartedServers(host, record.prefix + host.name, log)
