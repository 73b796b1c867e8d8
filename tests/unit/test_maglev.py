# SPDX-License-Identifier: BSD-2-Clause
"""Maglev tables: fair, the same on every node, and little disturbed by a change."""

from collections import Counter
from hashlib import blake2b

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xdplb.maglev import hash_table, is_prime, maglev_table

SIZE = 1021
names = st.lists(st.integers(1, 250).map("10.0.0.{}".format), min_size=1, max_size=10, unique=True)


def owners(backends: list[str], **options: object) -> list[str]:
    """Return who owns each slot, by name."""
    return [backends[who] for who in maglev_table(backends, SIZE, **options)]  # type: ignore[arg-type]


@given(names)
@settings(deadline=None, max_examples=30)
def test_backends_of_equal_weight_differ_by_one_slot_at_most(backends: list[str]) -> None:
    counts = Counter(owners(backends))
    assert set(counts) == set(backends)
    assert max(counts.values()) - min(counts.values()) <= 1


@given(names, st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=30)
def test_order_of_backends_is_irrelevant(backends: list[str], random: object) -> None:
    shuffled = list(backends)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert owners(backends) == owners(shuffled)


@given(st.lists(st.integers(0, 9), min_size=2, max_size=8).filter(any))
@settings(deadline=None, max_examples=30)
def test_weights_are_shares(weights: list[int]) -> None:
    backends = [f"10.0.0.{number}" for number in range(len(weights))]
    counts = Counter(maglev_table(backends, SIZE, weights=weights))
    for who, weight in enumerate(weights):
        # Turns are dealt in rounds of sum(weights), and the last round may be cut short.
        assert abs(counts[who] - SIZE * weight / sum(weights)) <= max(weights)


def test_removal_moves_few_slots_of_those_who_stay() -> None:
    """On average: two permutations that are alike by chance move more, once in many sets."""
    moved = total = 0
    for group in range(40):
        backends = [f"10.0.{group}.{number}" for number in range(3 + group % 8)]
        before, after = owners(backends), owners(backends[1:])
        stay = [(a, b) for a, b in zip(before, after, strict=True) if a != backends[0]]
        moved += sum(a != b for a, b in stay)
        total += len(stay)
    # The paper's figure 12 has below 2 % at 100 slots a backend.
    assert moved <= total * 0.03


def test_growing_one_weight_takes_slots_for_it_and_leaves_the_rest() -> None:
    backends = [f"10.0.0.{number}" for number in range(5)]
    before = owners(backends)
    after = owners(backends, weights=[2, 1, 1, 1, 1])
    moved = [(a, b) for a, b in zip(before, after, strict=True) if a != b]
    to_the_heavier = sum(b == backends[0] for _, b in moved)
    assert to_the_heavier > len(moved) * 0.6


def test_table_is_the_same_for_ever() -> None:
    """Nodes of different versions must agree, so these numbers may not change."""
    table = [1, 0, 2, 0, 0, 1, 0, 0, 1, 1, 2, 2, 2]
    assert maglev_table(["10.0.0.2", "10.0.0.3", "10.0.0.4"], 13) == table


def pseudocode(backends: list[str], size: int) -> list[int]:
    """The paper's pseudocode 1, word for word, for sorted backends of equal weight."""
    order = sorted(range(len(backends)), key=backends.__getitem__)
    digests = [blake2b(backends[i].encode(), digest_size=16, key=bytes(8)).digest() for i in order]
    offset = [int.from_bytes(digest[:8], "big") % size for digest in digests]
    skip = [int.from_bytes(digest[8:], "big") % (size - 1) + 1 for digest in digests]
    following, entry, filled = [0] * len(order), [-1] * size, 0
    while True:
        for i in range(len(order)):
            c = (offset[i] + following[i] * skip[i]) % size
            while entry[c] >= 0:
                following[i] += 1
                c = (offset[i] + following[i] * skip[i]) % size
            entry[c] = order[i]
            following[i] += 1
            filled += 1
            if filled == size:
                return entry


@given(names)
@settings(deadline=None, max_examples=20)
def test_table_is_that_of_the_paper(backends: list[str]) -> None:
    assert maglev_table(backends, 251) == pseudocode(backends, 251)


def test_seed_makes_another_table() -> None:
    backends = ["10.0.0.2", "10.0.0.3"]
    assert maglev_table(backends, SIZE, seed=1) != maglev_table(backends, SIZE)


@pytest.mark.parametrize(
    ("backends", "size", "weights"),
    [([], 7, None), (["a"], 8, None), (["a", "a"], 7, None), (["a", "b"], 7, [0, 0])],
)
def test_impossible_tables_are_refused(
    backends: list[str], size: int, weights: list[int] | None
) -> None:
    with pytest.raises(ValueError, match=r"prime|twice|weight"):
        maglev_table(backends, size, weights=weights)


def test_primes_are_told_from_others() -> None:
    assert [number for number in range(30) if is_prime(number)] == [
        *(2, 3, 5, 7, 11, 13, 17, 19, 23, 29)
    ]
    assert is_prime(16381)
    assert not is_prime(16383)


def test_hash_table_goes_round_in_the_order_given() -> None:
    assert hash_table(3, 8) == [0, 1, 2, 0, 1, 2, 0, 1]
    assert hash_table(2, 8, weights=[2, 1]) == [0, 0, 1, 0, 0, 1, 0, 0]
    assert hash_table(3, 4, weights=[0, 5, 5]) == [1, 2, 1, 2]
    with pytest.raises(ValueError, match="weight"):
        hash_table(2, 8, weights=[0, 0])
