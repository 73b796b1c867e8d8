# SPDX-License-Identifier: BSD-2-Clause
"""Large transfers arrive as they were sent."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from lab.attachment import VIP, Attachment, attached
from lab.stand import Lab
from lab.wire import KeptConnection

from xdplb.lab.bodies import body_blocks, body_sha256
from xdplb.lab.processes import start_in

MEGABYTE = 1 << 20
DOWNLOAD = 200 * MEGABYTE
UPLOAD = 50 * MEGABYTE + 1


@pytest.fixture(scope="module")
def balancer(lab: Lab) -> Iterator[Attachment]:
    """Give out an any-port balancer in front of two backends."""
    with attached(lab, "10.0.0.2", "10.0.0.3") as attachment:
        yield attachment


def test_200_megabytes_are_downloaded_intact(balancer: Attachment) -> None:
    command = ("curl", "-q", "-sS", "--fail", "--noproxy", "*", "--max-time", "120")
    url = f"http://{VIP}/bytes/{DOWNLOAD}"
    seen, size = hashlib.sha256(), 0
    with start_in(
        balancer.lab.namespace("client"), [*command, url], stdout=subprocess.PIPE
    ) as curl:
        assert curl.stdout is not None
        while piece := curl.stdout.read(MEGABYTE):
            seen.update(piece)
            size += len(piece)
    assert curl.returncode == 0
    assert size == DOWNLOAD
    assert seen.hexdigest() == body_sha256(DOWNLOAD)
    assert balancer.drops() == {}


def test_50_megabytes_are_uploaded_intact(balancer: Attachment) -> None:
    payload = b"".join(body_blocks(UPLOAD))
    with KeptConnection(balancer.lab) as connection:
        assert connection.digest(payload) == hashlib.sha256(payload).hexdigest()
    assert balancer.drops() == {}


def test_transfers_side_by_side_do_not_mix(balancer: Attachment) -> None:

    def download(number: int) -> bool:
        with KeptConnection(balancer.lab) as connection:
            # Other sizes, other digests: one that got another's bytes would show.
            size = 2 * MEGABYTE + number
            seen, told = connection.download(size)
            return seen == told == body_sha256(size)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(download, range(16))) == [True] * 16


@pytest.mark.parametrize("size", [0, 1, 1447, 1448, 1449, 65537])
def test_body_of_any_length_arrives_intact_both_ways(balancer: Attachment, size: int) -> None:
    payload = b"".join(body_blocks(size))
    with KeptConnection(balancer.lab) as connection:
        seen, told = connection.download(size)
        assert seen == told == hashlib.sha256(payload).hexdigest()
        assert connection.digest(payload) == told
