# SPDX-License-Identifier: BSD-2-Clause
"""Removing what a lab consists of: whole, half raised, or found after a kill."""

from __future__ import annotations

from collections.abc import Iterator

from xdplb.errors import XdplbError
from xdplb.lab.errors import LabError
from xdplb.lab.namespaces import delete_namespace, owner_of, processes_in
from xdplb.lab.pins import remove_attachments
from xdplb.lab.processes import stop_server
from xdplb.lab.record import LabRecord
from xdplb.lab.wiring import unplug_all


def remove_lab(record: LabRecord) -> list[str]:
    """Remove every part of *record* that is there; return what people should know, a line each.

    One part that cannot be removed does not keep the others. Namespaces that carry a lab's name
    but not its mark are somebody else's and stay.

    :raises LabError: if a part stays; the record stays too, so it can be tried again
    """
    notes: list[str] = []
    faults: list[str] = []
    for step in (_stop_servers, _remove_attachments, _unplug, _delete_namespaces):
        for kind, line in step(record):
            (faults if kind == FAULT else notes).append(line)
    if faults:
        raise LabError("\n  ".join((f"lab {record.name}: not all of it is gone:", *faults)))
    record.remove()
    return notes


FAULT, NOTE = "fault", "note"
Outcome = Iterator[tuple[str, str]]


def _stop_servers(record: LabRecord) -> Outcome:
    for server in record.servers:
        try:
            stop_server(server)
        except (LabError, OSError) as reason:
            yield FAULT, str(reason)


def _remove_attachments(record: LabRecord) -> Outcome:
    for name in _own_namespaces(record):
        try:
            for attachment in remove_attachments(name):
                yield NOTE, f"{attachment}: a balancer was attached there; it went with the lab"
        except (XdplbError, OSError) as reason:
            yield FAULT, f"{name}: its attachments cannot be removed: {reason}"


def _unplug(record: LabRecord) -> Outcome:
    own = _own_namespaces(record)
    for switch in record.topology.switches:
        if record.prefix + switch in own:
            try:
                unplug_all(record.topology, switch, record.prefix + switch)
            except (LabError, OSError) as reason:
                yield FAULT, str(reason)


def _delete_namespaces(record: LabRecord) -> Outcome:
    own = _own_namespaces(record)
    for pid, command, name in processes_in(own):
        yield NOTE, f"{name}: process {pid} ({command}) is still in there and keeps it; end it"
    for name in record.namespaces:
        if name not in own and owner_of(name) is not None:
            continue
        try:
            delete_namespace(name)
        except OSError as reason:
            yield FAULT, f"namespace {name}: cannot be deleted: {reason.strerror}"


def _own_namespaces(record: LabRecord) -> list[str]:
    return [name for name in record.namespaces if owner_of(name) == record.name]
