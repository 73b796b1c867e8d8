# SPDX-License-Identifier: BSD-2-Clause
"""What ``xdplb lab list`` tells: the topologies there are, and the labs that are up."""

from __future__ import annotations

from typing import Any

from xdplb.lab.reading import known_topologies, read_topology
from xdplb.lab.record import LabRecord, load_records
from xdplb.lab.topology import Host, Topology


def list_labs() -> list[dict[str, Any]]:
    """Return an object for each lab that is up and each topology that is not, made for JSON.

    Each has ``name``, ``topology``, ``description``, ``prefix``, ``state`` (``up``, ``interrupted``
    or ``down``), ``switches`` and ``hosts``.

    :raises TopologyError: if one of the topologies has faults
    """
    records = load_records()
    standing = [_describe_lab(record) for record in records]
    raised = {one.topology.name for one in records if not one.prefix}
    resting = [
        _describe(read_topology(file), "", "down")
        for name, file in known_topologies().items()
        if name not in raised
    ]
    return sorted([*standing, *resting], key=lambda one: (one["prefix"], one["topology"]))


def _describe_lab(record: LabRecord) -> dict[str, Any]:
    state = "up" if record.complete else "interrupted"
    return _describe(record.topology, record.prefix, state)


def _describe(topology: Topology, prefix: str, state: str) -> dict[str, Any]:
    return {
        "name": prefix + topology.name,
        "topology": topology.name,
        "description": topology.description,
        "prefix": prefix,
        "state": state,
        "switches": [{"name": one, "namespace": prefix + one} for one in topology.switches],
        "hosts": [_describe_host(host, prefix) for host in topology.hosts],
    }


def _describe_host(host: Host, prefix: str) -> dict[str, Any]:
    return {
        "name": host.name,
        "namespace": prefix + host.name,
        "servers": dict(host.servers),
        "interfaces": [
            {
                "name": interface.name,
                "mac": interface.mac,
                "addresses": [str(address) for address in interface.addresses],
                "switch": interface.switch,
                "mtu": interface.mtu_bytes,
                "xdp": interface.xdp,
            }
            for interface in host.interfaces
        ],
    }
