# SPDX-License-Identifier: BSD-2-Clause
"""The caller's own SSH session is not balanced away."""

import pytest

from xdplb.errors import GuardError
from xdplb.guard import guard_ssh
from xdplb.model import Service
from xdplb.parse import parse_service_key


@pytest.mark.parametrize("service", ["10.0.0.10:any/tcp", "10.0.0.10:22/tcp"])
def test_service_that_takes_the_session_is_refused(
    service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "10.0.0.1 50000 10.0.0.10 22")
    with pytest.raises(GuardError, match=f"{service}: would take your SSH session .* --force"):
        guard_ssh([Service(parse_service_key(service))])


@pytest.mark.parametrize("service", ["10.0.0.10:any/udp", "10.0.0.10:80/tcp", "10.0.0.11:any/tcp"])
def test_other_services_are_let_through(service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "10.0.0.1 50000 10.0.0.10 22")
    guard_ssh([Service(parse_service_key(service))])


def test_without_a_session_there_is_nothing_to_guard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "something else")
    guard_ssh([Service(parse_service_key("10.0.0.10:any/tcp"))])
