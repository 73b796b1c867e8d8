# SPDX-License-Identifier: BSD-2-Clause
"""Large bodies whose every byte is known: to tell whether a transfer arrived as it was sent.

A body is a row of blocks, each its number followed by the same noise, so a lost, repeated or
swapped piece changes the digest just as a flipped bit does.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from functools import lru_cache

BLOCK_BYTES = 65536
_NUMBER_BYTES = 8
_NOISE = random.Random(0).randbytes(BLOCK_BYTES - _NUMBER_BYTES)  # noqa: S311 (no secret)


def body_blocks(size: int) -> Iterator[bytes]:
    """Yield the body of *size* bytes, a block at a time, the last one cut to fit."""
    for number, start in enumerate(range(0, size, BLOCK_BYTES)):
        block = number.to_bytes(_NUMBER_BYTES, "big") + _NOISE
        yield block[: size - start]


@lru_cache(maxsize=64)
def body_sha256(size: int) -> str:
    """Return the SHA-256 of the body of *size* bytes, in hexadecimal."""
    digest = hashlib.sha256()
    for block in body_blocks(size):
        digest.update(block)
    return digest.hexdigest()
