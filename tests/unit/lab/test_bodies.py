# SPDX-License-Identifier: BSD-2-Clause
"""Large bodies are what their digest says, at any length."""

from __future__ import annotations

import hashlib

import pytest

from xdplb.lab.bodies import BLOCK_BYTES, body_blocks, body_sha256


@pytest.mark.parametrize("size", [0, 1, BLOCK_BYTES - 1, BLOCK_BYTES, 3 * BLOCK_BYTES + 7])
def test_body_has_the_length_and_digest_it_was_asked_for(size: int) -> None:
    body = b"".join(body_blocks(size))
    assert len(body) == size
    assert body_sha256(size) == hashlib.sha256(body).hexdigest()


def test_no_two_blocks_are_equal_so_a_swapped_piece_shows() -> None:
    blocks = list(body_blocks(8 * BLOCK_BYTES))
    assert len(set(blocks)) == len(blocks)
