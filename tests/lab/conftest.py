# SPDX-License-Identifier: BSD-2-Clause
"""A lab raised once for each test module, under names that no other run and no user has."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from lab.attachment import Attach, attached
from lab.farm import FARM
from lab.returning import Decapsulators, decapsulating
from lab.stand import NO_TRACES, Lab, RaiseLab, fresh_prefix, traces

from xdplb.lab.finding import find_lab
from xdplb.lab.lifecycle import raise_lab, take_down
from xdplb.lab.reading import find_topology, parse_topology
from xdplb.lab.record import load_records
from xdplb.lab.topology import Topology


@pytest.fixture
def prefix() -> Iterator[str]:
    """Give out a prefix of one's own and remove whatever is left under it."""
    own = fresh_prefix()
    yield own
    for record in load_records():
        if record.prefix == own:
            take_down(record)


@pytest.fixture
def raised(prefix: str) -> RaiseLab:
    """Give out a function that raises the topology written in a YAML text."""

    def raise_text(text: str) -> Lab:
        return Lab(raise_lab(parse_topology(text, name="own"), prefix))

    return raise_text


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """Give out the tutorial's lab."""
    yield from _standing(find_topology("tutorial"))


@pytest.fixture(scope="module")
def two_clients() -> Iterator[Lab]:
    """Give out the lab with two clients."""
    yield from _standing(find_topology("two-clients"))


@pytest.fixture(scope="module")
def farm() -> Iterator[Lab]:
    """Give out a lab with three backends."""
    yield from _standing(parse_topology(FARM, name="farm"))


@pytest.fixture(scope="module")
def dual_stack() -> Iterator[Lab]:
    """Give out the lab with IPv4 and IPv6."""
    yield from _standing(find_topology("dual-stack"))


@pytest.fixture(scope="module")
def direct_return() -> Iterator[Lab]:
    """Give out the lab whose backends have the VIPs on their loopback."""
    yield from _standing(find_topology("direct-return"))


@pytest.fixture(scope="module")
def decapsulators(
    direct_return: Lab, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Decapsulators]:
    """Give out that lab's ends of the tunnels: its backends take outer headers off."""
    with decapsulating(direct_return, tmp_path_factory.mktemp("decap")) as running:
        yield running


@pytest.fixture(scope="module")
def gateway() -> Iterator[Lab]:
    """Give out the lab in which the balancer is the gateway of its backends."""
    yield from _standing(find_topology("gateway"))


@pytest.fixture
def attach() -> Iterator[Attach]:
    """Give out a function that attaches the balancer of a lab, until the test has ended."""
    with ExitStack() as until_the_end:
        yield lambda lab, *words: until_the_end.enter_context(attached(lab, *words))


def _standing(topology: Topology) -> Iterator[Lab]:
    own = fresh_prefix()
    record = raise_lab(topology, own)
    try:
        yield Lab(record)
    finally:
        take_down(find_lab(topology.name, own))
        assert traces(own) == NO_TRACES
