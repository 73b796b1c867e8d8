# SPDX-License-Identifier: BSD-2-Clause
"""Which lab is meant, and which namespace; without pyroute2, which takes long to import."""

from __future__ import annotations

from xdplb.lab.errors import LabError
from xdplb.lab.record import LabRecord, load_records


def find_lab(topology: str | None, prefix: str = "") -> LabRecord:
    """Return the lab of *topology* that is up, or the only one with this *prefix*.

    :raises LabError: if there is none, or more than one to choose from
    """
    found = [one for one in load_records() if one.prefix == prefix]
    if topology is not None:
        found = [one for one in found if one.topology.name == topology]
    if len(found) == 1:
        return found[0]
    if not found:
        what = prefix + (topology or "")
        raise LabError(f"{f'lab {what}'.strip()}: is not up; what is up: xdplb lab list")
    names = ", ".join(one.topology.name for one in found)
    raise LabError(f"lab: several are up: {names}; say which")


def find_host(host: str, prefix: str = "") -> str:
    """Return the namespace of *host*, of whichever lab with this *prefix* has it.

    :raises LabError: if none has
    """
    labs = [one for one in load_records() if one.prefix == prefix]
    if not labs:
        raise LabError("lab: none is up; raise one: xdplb lab up")
    namespaces = [name for lab in labs for name in lab.namespaces]
    if prefix + host in namespaces:
        return prefix + host
    names = ", ".join(name.removeprefix(prefix) for name in namespaces)
    raise LabError(f"{host}: no such host in the lab; there are: {names}")


def down_command(record: LabRecord) -> str:
    """Return the command that takes *record* down, as it can be pasted."""
    prefix = f" --prefix {record.prefix}" if record.prefix else ""
    return f"xdplb lab down {record.topology.name}{prefix}"
