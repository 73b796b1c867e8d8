# SPDX-License-Identifier: BSD-2-Clause
"""From a topology file to a :class:`Topology`, with all of the file's faults at once."""

from __future__ import annotations

import difflib
import os
from pathlib import Path

import yaml

from xdplb.lab.errors import TopologyError
from xdplb.lab.scalars import (
    as_address,
    as_flag,
    as_interface_address,
    as_mac,
    as_mtu,
    as_network,
    as_port,
    as_text,
    check_name,
)
from xdplb.lab.section import Section, UniqueKeyLoader
from xdplb.lab.topology import DEFAULT_MTU_BYTES, Host, Interface, Route, Topology
from xdplb.lab.wholeness import faults_across

# An interface's name holds 15 characters, and a switch's port is called as its host, or HOST-2.
LONGEST_HOST_NAME = 13
LONGEST_INTERFACE_NAME = 15
SERVERS = ("http", "udp-echo")


def topology_folder() -> Path:
    """Return where topologies by name are looked for.

    An installed package carries them beside this module; in the source tree they stand in
    ``topology/`` at its top.
    """
    here = Path(__file__).resolve().parent
    installed = here / "topologies"
    return installed if installed.is_dir() else here.parents[1] / "topology"


def known_topologies() -> dict[str, Path]:
    """Return the topologies that can be given by name, and their files."""
    return {file.stem: file for file in sorted(topology_folder().glob("*.yaml"))}


def find_topology(wanted: str) -> Topology:
    """Read the topology called *wanted*, or that stands in the file *wanted*.

    What has a slash or ends in ``.yaml`` is a file.

    :raises TopologyError: if there is none, or if it has faults
    """
    if os.sep in wanted or wanted.endswith(".yaml"):
        return read_topology(Path(wanted))
    known = known_topologies()
    if wanted not in known:
        near = difflib.get_close_matches(wanted, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(known) or 'none'}"
        raise TopologyError("topology", [f"{wanted}: no such topology; {hint}"])
    return read_topology(known[wanted])


def read_topology(file: Path) -> Topology:
    """Read the topology in *file*; its name is the file's without the ending.

    :raises TopologyError: if it cannot be read, or has faults
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as reason:
        why = reason.strerror if isinstance(reason, OSError) else "not UTF-8 text"
        raise TopologyError(str(file), [f"cannot be read: {why}"]) from reason
    return parse_topology(text, name=file.stem, file=str(file))


def parse_topology(text: str, *, name: str, file: str = "topology") -> Topology:
    """Read a topology from YAML *text*.

    :param file: what messages call it
    :raises TopologyError: with every fault there is
    """
    try:
        document = yaml.load(text, UniqueKeyLoader)  # noqa: S506 (it is a SafeLoader)
    except yaml.YAMLError as reason:
        raise TopologyError(file, [_yaml_fault(reason)]) from reason
    faults: list[str] = []
    root = Section(document, "", faults)
    topology = Topology(
        name=name,
        description=root.take("description", as_text, ""),
        switches=tuple(_switch(name, section) for name, section in root.sections("switches")),
        hosts=tuple(_host(name, section) for name, section in root.sections("hosts")),
        document=text,
    )
    root.close()
    faults += faults_across(topology) if isinstance(document, dict) else []
    if faults:
        raise TopologyError(file, faults)
    return topology


def _switch(name: str, section: Section) -> str:
    check_name(section, name, LONGEST_INTERFACE_NAME)
    section.close()
    return name


def _host(name: str, section: Section) -> Host:
    check_name(section, name, LONGEST_HOST_NAME)
    host = Host(
        name=name,
        interfaces=tuple(_interface(one, it) for one, it in section.sections("interfaces")),
        loopback=section.take_list("loopback", as_address),
        routes=section.take_list("routes", _route),
        forward=section.take("forward", as_flag, False),
        servers=section.take("servers", _servers, {}),
    )
    section.close()
    return host


def _interface(name: str, section: Section) -> Interface:
    check_name(section, name, LONGEST_INTERFACE_NAME)
    interface = Interface(
        name=name,
        switch=section.need("switch", as_text, ""),
        mac=section.need("mac", as_mac, ""),
        addresses=section.take_list("addresses", as_interface_address),
        mtu_bytes=section.take("mtu", as_mtu, DEFAULT_MTU_BYTES),
        xdp=section.take("xdp", as_flag, False),
    )
    section.close()
    return interface


def _route(value: object) -> Route:
    """Read ``{to: NETWORK, via: ADDRESS}``."""
    if not isinstance(value, dict) or value.keys() != {"to", "via"}:
        raise ValueError(f"{value!r} is not a route; write {{to: NETWORK, via: ADDRESS}}")
    route = Route(as_network(value["to"]), as_address(value["via"]))
    if route.to.version != route.via.version:
        raise ValueError(f"{route.to} and {route.via} are of different address families")
    return route


def _servers(value: object) -> dict[str, int]:
    """Read ``{SERVER: PORT, ...}``."""
    if not isinstance(value, dict):
        raise ValueError(f"{value!r} is not a mapping; write {{http: 80}}")
    for server in value:
        if server not in SERVERS:
            raise ValueError(f"{server}: no such server; there are: {', '.join(SERVERS)}")
    return {server: as_port(port) for server, port in value.items()}


def _yaml_fault(reason: yaml.YAMLError) -> str:
    if isinstance(reason, yaml.MarkedYAMLError) and reason.problem_mark is not None:
        mark = reason.problem_mark
        return f"line {mark.line + 1}, column {mark.column + 1}: {reason.problem}"
    return str(reason)
