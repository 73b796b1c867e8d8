# SPDX-License-Identifier: BSD-2-Clause
"""Which backend each hash slot belongs to: Maglev tables and plain hash tables.

Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load Balancer",
NSDI 2016, section 3.4. Pure: no kernel, no clock, no randomness.
"""

from collections.abc import Iterator, Sequence
from itertools import count as count_from
from itertools import islice
from math import gcd, isqrt

UNUSED = -1


def is_prime(number: int) -> bool:
    """Tell whether *number* is a prime, by trial division."""
    if number < 4:
        return number > 1
    return number % 2 == 1 and all(number % odd for odd in range(3, isqrt(number) + 1, 2))


def maglev_table(
    backends: Sequence[str], size: int, *, weights: Sequence[int] | None = None, seed: int = 0
) -> list[int]:
    """Return *size* indexes into *backends*, each backend getting its share.

    The order of *backends* makes no difference to which of them gets a slot.

    :param backends: identities, no two alike
    :param size: number of slots; a prime, 100 times ``len(backends)`` or more for shares
        within 1 % of each other
    :param weights: of each backend, 0 or more; all alike when left out
    :raises ValueError: if *size* is no prime, an identity comes twice, or nobody has a weight
    """
    if not is_prime(size):
        raise ValueError(f"{size} slots: is not a prime")
    if len(set(backends)) != len(backends):
        raise ValueError("a backend comes twice")
    shares = weights if weights is not None else [1] * len(backends)
    order = sorted((i for i in range(len(backends)) if shares[i] > 0), key=backends.__getitem__)
    if not order:
        raise ValueError("no backend has a weight")
    preferences = [permutation(backends[i], size, seed) for i in order]
    table = [UNUSED] * size
    turn = take_turns([shares[i] for i in order])
    for _ in range(size):
        who = next(turn)
        for slot in preferences[who]:
            if table[slot] == UNUSED:
                table[slot] = order[who]
                break
    return table


def permutation(identity: str, size: int, seed: int) -> Iterator[int]:
    """Yield every slot once, in the order in which *identity* would like to have them."""
    # Imported here: hashlib takes longer to import than `xdplb status` has to spare.
    from hashlib import blake2b  # noqa: PLC0415

    digest = blake2b(identity.encode(), digest_size=16, key=seed.to_bytes(8, "big")).digest()
    offset = int.from_bytes(digest[:8], "big") % size
    skip = int.from_bytes(digest[8:], "big") % max(size - 1, 1) + 1
    # Multiples of skip from offset on, wrapped round; a prime size makes it a permutation.
    return (place % size for place in range(offset, offset + size * skip, skip))


def take_turns(weights: Sequence[int]) -> Iterator[int]:
    """Yield indexes for ever, each as often as its weight, spread as evenly as can be."""
    divisor = gcd(*weights)
    shares = [weight // divisor for weight in weights]
    heaviest = max(shares)
    saved = [0] * len(shares)
    while True:
        for who, share in enumerate(shares):
            saved[who] += share
            if saved[who] >= heaviest:
                saved[who] -= heaviest
                yield who


def hash_table(count: int, size: int, *, weights: Sequence[int] | None = None) -> list[int]:
    """Return *size* indexes below *count*: slot i belongs to number i modulo *count*.

    A backend of weight w stands w times in that order.

    :raises ValueError: if nobody has a weight
    """
    shares = weights if weights is not None else [1] * count
    divisor = gcd(*shares)
    if not divisor:
        raise ValueError("no backend has a weight")
    turns = (
        who
        for _ in count_from(0)
        for who, share in enumerate(shares)
        for _ in range(share // divisor)
    )
    return list(islice(turns, size))
