# SPDX-License-Identifier: BSD-2-Clause
"""nginx as a backend: what most people will put behind the balancer."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from lab.attachment import VIP, attached
from lab.nginx import nginx_in
from lab.stand import Lab

from xdplb.lab.bodies import body_blocks

PORT = 8080
HOSTS = ("h2", "h3")
REQUESTS = 200


@pytest.fixture(scope="module")
def served(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """Balance port 80 over an nginx on either backend; give out host → the folder it serves."""
    folder = tmp_path_factory.mktemp("nginx")
    with ExitStack() as stack:
        pages = {
            host: stack.enter_context(nginx_in(lab, host, PORT, folder / host)) for host in HOSTS
        }
        backends = (f"10.0.0.2:{PORT}", f"10.0.0.3:{PORT}")
        stack.enter_context(attached(lab, *backends, "--port", "80"))
        yield pages


def test_nginx_on_both_backends_answers_every_request(lab: Lab, served: dict[str, Path]) -> None:
    url = f"http://{VIP}/name?[1-{REQUESTS}]"
    spread = Counter(lab.get("client", url, "--header", "Connection: close").split())
    assert spread.total() == REQUESTS
    assert spread.keys() == set(HOSTS)
    assert {host: balanced_lines(pages, lab, host) for host, pages in served.items()} == spread


def balanced_lines(pages: Path, lab: Lab, host: str) -> int:
    """Return how many requests of the balancer *host* has logged."""
    # Its only worker logs a request before it takes the next one.
    lab.get("client", f"http://{lab.record.topology.host(host).addresses[0]}:{PORT}/name")
    lines = (pages.parent / "access.log").read_text().splitlines()
    return sum(line.startswith(f"{VIP} ") for line in lines)


def test_nginx_keeps_a_connection_for_many_requests(lab: Lab, served: dict[str, Path]) -> None:
    told = lab.get("client", f"http://{VIP}/name?[1-50]", "-w", "%{num_connects}\\n").split()
    assert len(set(told[::2])) == 1, "one connection, one backend"
    assert told[1::2] == ["1"] + ["0"] * 49


def test_file_that_nginx_sends_arrives_intact(
    lab: Lab, served: dict[str, Path], tmp_path: Path
) -> None:
    content = b"".join(body_blocks(20_000_001))
    for pages in served.values():
        (pages / "file").write_bytes(content)
    got = tmp_path / "got"
    for _ in range(3):
        lab.get("client", f"http://{VIP}/file", "--output", str(got))
        assert hashlib.sha256(got.read_bytes()).digest() == hashlib.sha256(content).digest()
