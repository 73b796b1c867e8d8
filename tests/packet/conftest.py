# SPDX-License-Identifier: BSD-2-Clause
from collections.abc import Iterator

import pytest
from packet.balancer import Balancer


@pytest.fixture
def empty_lb() -> Iterator[Balancer]:
    """The program without any service."""
    with Balancer() as balancer:
        yield balancer


@pytest.fixture
def lb(empty_lb: Balancer) -> Balancer:
    """10.0.0.10:80/tcp in front of the tutorial's two backends."""
    empty_lb.add_service()
    return empty_lb
