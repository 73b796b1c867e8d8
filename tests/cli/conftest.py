# SPDX-License-Identifier: BSD-2-Clause
"""A lab for each test: it takes an eighth of a second, and no test sees another's traces."""

from collections.abc import Iterator

import pytest
from cli.stand import BACKENDS, Stand, fresh_prefix

from xdplb.controller import take_down as take_balancer_down
from xdplb.lab.lifecycle import raise_lab, take_down
from xdplb.lab.reading import find_topology
from xdplb.state import State


@pytest.fixture
def stand() -> Iterator[Stand]:
    """The tutorial's lab without a balancer."""
    yield from standing()


@pytest.fixture(scope="module")
def refusing() -> Iterator[Stand]:
    """The tutorial's lab for all tests of a module that change nothing in it."""
    yield from standing()


@pytest.fixture
def attached(stand: Stand) -> Stand:
    """The tutorial's lab with one service, port 80 of the VIP, over both backends."""
    stand.attach(*BACKENDS, "--port", "80")
    return stand


@pytest.fixture(scope="module")
def refusing_attached() -> Iterator[Stand]:
    """The same, balanced, for all tests of a module that change nothing in it."""
    for stand in standing():
        stand.attach(*BACKENDS, "--port", "80")
        yield stand


def standing() -> Iterator[Stand]:
    stand = Stand(fresh_prefix())
    record = raise_lab(find_topology("tutorial"), stand.prefix)
    try:
        yield stand
    finally:
        state = State()
        mine = [name for name in state.names() if (name.netns or "").startswith(stand.prefix)]
        if mine:
            with state.lock():
                for name in mine:
                    take_balancer_down(state, name)
        take_down(record)
