# SPDX-License-Identifier: BSD-2-Clause
"""Whatever stands in a topology file, reading ends in a topology or in faults with paths."""

from __future__ import annotations

import yaml
from hypothesis import given
from hypothesis import strategies as st

from xdplb.lab.errors import TopologyError
from xdplb.lab.reading import find_topology, parse_topology
from xdplb.lab.topology import Topology

scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=8)
keys = st.sampled_from(["hosts", "switches", "interfaces", "mac", "servers", "routes", "x"])
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3)
)


def outcome(text: str) -> Topology | tuple[str, ...]:
    try:
        return parse_topology(text, name="any", file="any.yaml")
    except TopologyError as error:
        return error.faults


@given(anything)
def test_any_document_is_a_topology_or_has_faults(document: object) -> None:
    result = outcome(yaml.safe_dump(document))
    assert isinstance(result, Topology) or (result and all(result))


@given(st.text())
def test_any_text_is_a_topology_or_has_faults(text: str) -> None:
    result = outcome(text)
    assert isinstance(result, Topology) or (result and all(result))


@given(st.sampled_from(["switch", "mac", "addresses", "mtu", "xdp"]), anything)
def test_fault_of_a_setting_stands_under_its_path(key: str, value: object) -> None:
    document = yaml.safe_load(find_topology("tutorial").document)
    document["hosts"]["lb"]["interfaces"]["veth6"][key] = value
    result = outcome(yaml.safe_dump(document))
    path = "hosts.lb.interfaces.veth6"
    assert isinstance(result, Topology) or all(path in fault for fault in result)
