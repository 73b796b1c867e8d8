# SPDX-License-Identifier: BSD-2-Clause
"""The cuckoo index: every service can be found at every moment."""

from hypothesis import given, settings
from hypothesis import strategies as st

from xdplb.service_index import places_for, plan_entry

SIZE = 64
place = st.integers(0, SIZE - 1)


@given(st.lists(st.tuples(place, place), max_size=SIZE // 4))
@settings(deadline=None)
def test_services_stay_findable_after_every_single_write(pairs: list[tuple[int, int]]) -> None:
    places: dict[int, tuple[int, int]] = {}
    index: dict[int, int] = {}
    for number, pair in enumerate(pairs):
        writes = plan_entry(index, places, pair)
        if writes is None:
            continue
        for where, who in writes:
            index[where] = number if who is None else who
            for known, (first, second) in places.items():
                assert known in (index.get(first), index.get(second))
        places[number] = pair
        assert number in (index.get(pair[0]), index.get(pair[1]))


def test_newcomer_to_two_free_places_moves_nobody() -> None:
    assert plan_entry({}, {}, (3, 4)) == [(3, None)]


def test_newcomer_moves_another_first_to_its_second_place() -> None:
    assert plan_entry({3: 0, 4: 1}, {0: (3, 9), 1: (4, 8)}, (3, 4)) == [(9, 0), (3, None)]


def test_three_for_two_places_do_not_fit() -> None:
    assert plan_entry({3: 0, 4: 1}, {0: (3, 4), 1: (3, 4)}, (3, 4)) is None


def test_index_has_four_places_a_service_or_more_and_is_a_power_of_two() -> None:
    assert [places_for(services) for services in (1, 2, 3, 128, 129, 4096)] == [
        *(4, 8, 16, 512, 1024, 16384)
    ]
