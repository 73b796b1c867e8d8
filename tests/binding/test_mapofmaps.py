# SPDX-License-Identifier: BSD-2-Clause
"""Maps of maps: descriptors go in, ids come out."""

from __future__ import annotations

import errno

import pytest

from xdplb.bpf import (
    U32,
    U64,
    ArrayMap,
    BatchError,
    HashMap,
    KernelError,
    LoadedObject,
    MapOfMaps,
    MapType,
)


def _inner(entries: int = 16, flags: int = 0) -> ArrayMap[int]:
    return ArrayMap.create(MapType.ARRAY, U32, U64, entries, flags=flags)


def _tables(loaded: LoadedObject) -> MapOfMaps[int]:
    tables = loaded.map("tables")
    assert isinstance(tables, MapOfMaps)
    return tables


def test_empty_slot_has_no_map(loaded: LoadedObject) -> None:
    tables = _tables(loaded)
    assert tables.lookup(0) is None
    assert tables.lookup_id(0) is None
    assert tables.ids() == {}


def test_map_that_was_put_in_is_found_again(loaded: LoadedObject) -> None:
    tables = _tables(loaded)
    with _inner() as inner:
        tables[1] = inner
        inner[5] = 55
        assert tables.lookup_id(1) == inner.id
    # The slot keeps it alive although its handle is closed.
    with tables[1].typed(U32, U64) as found:
        assert found[5] == 55


def test_many_slots_are_swapped_in_one_call(loaded: LoadedObject) -> None:
    tables = _tables(loaded)
    first = {index: _inner() for index in range(4)}
    second = {index: _inner() for index in range(4)}
    assert tables.swap(first) == 4
    assert tables.ids() == {index: inner.id for index, inner in first.items()}
    tables.swap(second)
    assert tables.ids() == {index: inner.id for index, inner in second.items()}
    for inner in (*first.values(), *second.values()):
        inner.close()


@pytest.mark.parametrize(("entries", "flags"), [(17, 0), (16, 0x400)])
def test_inner_map_unlike_the_template_is_refused(
    loaded: LoadedObject, entries: int, flags: int
) -> None:
    with _inner(entries, flags) as odd, pytest.raises(KernelError) as caught:
        _tables(loaded)[0] = odd
    assert caught.value.errno == errno.EINVAL


def test_swap_that_breaks_off_tells_how_far_it_came(loaded: LoadedObject) -> None:
    tables = _tables(loaded)
    with _inner() as good, _inner(17) as odd:
        with pytest.raises(BatchError) as caught:
            tables.swap({0: good, 1: good, 2: odd})
        assert caught.value.done == 2
        assert set(tables.ids()) == {0, 1}


def test_map_of_maps_is_made_from_a_template() -> None:
    with (
        _inner() as template,
        MapOfMaps.create(MapType.HASH_OF_MAPS, U64, 4, 8, inner=template) as outer,
        _inner() as inner,
    ):
        outer[1] = inner
        assert outer.ids() == {1: inner.id}
        ((key, found),) = outer.items()
        with found:
            assert (key, found.id) == (1, inner.id)


def test_hash_is_no_inner_array(loaded: LoadedObject) -> None:
    with HashMap.create(MapType.HASH, U32, U64, 16) as odd, pytest.raises(KernelError):
        _tables(loaded)[0] = odd
