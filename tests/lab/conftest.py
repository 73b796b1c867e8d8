# SPDX-License-Identifier: BSD-2-Clause
"""A lab raised once for each test module, under names that no other run and no user has."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from lab.stand import NO_TRACES, Lab, RaiseLab, fresh_prefix, traces

from xdplb.lab.finding import find_lab
from xdplb.lab.lifecycle import raise_lab, take_down
from xdplb.lab.reading import find_topology, parse_topology
from xdplb.lab.record import load_records


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
    yield from _standing("tutorial")


@pytest.fixture(scope="module")
def two_clients() -> Iterator[Lab]:
    """Give out the lab with two clients."""
    yield from _standing("two-clients")


def _standing(topology: str) -> Iterator[Lab]:
    own = fresh_prefix()
    record = raise_lab(find_topology(topology), own)
    try:
        yield Lab(record)
    finally:
        take_down(find_lab(topology, own))
        assert traces(own) == NO_TRACES
