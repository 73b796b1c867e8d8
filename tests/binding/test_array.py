# SPDX-License-Identifier: BSD-2-Clause
"""Arrays as memory."""

from __future__ import annotations

from array import array

import pytest

from xdplb.bpf import (
    U32,
    U64,
    ArrayMap,
    ClosedError,
    CodecError,
    FeatureError,
    KernelError,
    LoadedObject,
    MapType,
)

MMAPABLE = 0x400


def test_mapped_array_and_map_are_the_same_memory(loaded: LoadedObject) -> None:
    slots = loaded.map("slots")
    assert isinstance(slots, ArrayMap)
    with slots.mmap(write=True) as mapped:
        slots[3] = 33
        mapped[4] = 44
        assert mapped[3] == 33
        assert slots[4] == 44
        assert len(mapped) == 16
        assert list(mapped) == [0, 0, 0, 33, 44] + [0] * 11


def test_words_are_stored_from_an_index_on(loaded: LoadedObject) -> None:
    slots = loaded.map("slots")
    assert isinstance(slots, ArrayMap)
    with slots.mmap(write=True) as mapped:
        mapped.store_words(2, array("Q", [7, 8, 1 << 63]))
        mapped.store_words(0, b"\1" + bytes(7))
    assert [slots[index] for index in range(6)] == [1, 0, 7, 8, 1 << 63, 0]


def test_small_values_stand_at_a_stride_of_eight_bytes() -> None:
    with ArrayMap.create(MapType.ARRAY, U32, U32, 4, flags=MMAPABLE) as numbers:
        numbers.update_many(enumerate([1, 2, 3, 4]))
        with numbers.mmap() as mapped:
            assert (mapped.stride, len(mapped.view)) == (8, 32)
            assert list(mapped) == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("index", "words", "message"),
    [(15, bytes(16), "reach beyond"), (0, bytes(7), "no whole words"), (14, bytes(24), "beyond")],
)
def test_words_that_do_not_fit_are_refused(
    loaded: LoadedObject, index: int, words: bytes, message: str
) -> None:
    slots = loaded.map("slots")
    assert isinstance(slots, ArrayMap)
    with slots.mmap(write=True) as mapped, pytest.raises(CodecError, match=message):
        mapped.store_words(index, words)


@pytest.mark.parametrize("index", [-1, 16])
def test_index_outside_is_refused(loaded: LoadedObject, index: int) -> None:
    slots = loaded.map("slots")
    assert isinstance(slots, ArrayMap)
    with slots.mmap(write=True) as mapped:
        with pytest.raises(IndexError, match="the last is 15"):
            mapped.store_words(index, bytes(8))
        with pytest.raises(IndexError):
            mapped[index]


def test_mapping_is_read_only_unless_asked_for(loaded: LoadedObject) -> None:
    slots = loaded.map("slots")
    assert isinstance(slots, ArrayMap)
    with slots.mmap() as mapped:
        with pytest.raises(TypeError):
            mapped[0] = 1
        with pytest.raises((TypeError, BufferError, ValueError)):
            mapped.store_words(0, bytes(8))
    assert slots[0] == 0


def test_array_without_the_flag_says_which_one_it_lacks() -> None:
    with (
        ArrayMap.create(MapType.ARRAY, U32, U64, 4, name="bt_plain") as plain,
        pytest.raises(FeatureError, match="made without BPF_F_MMAPABLE") as caught,
    ):
        plain.mmap()
    assert caught.value.feature == "BPF_F_MMAPABLE"


def test_frozen_array_maps_for_reading_only() -> None:
    with ArrayMap.create(MapType.ARRAY, U32, U64, 4, flags=MMAPABLE) as numbers:
        numbers[1] = 5
        numbers.freeze()
        with numbers.mmap() as mapped:
            assert mapped[1] == 5
        with pytest.raises(KernelError, match="Operation not permitted"):
            numbers.mmap(write=True)


def test_array_written_through_memory_cannot_be_frozen_meanwhile() -> None:
    with ArrayMap.create(MapType.ARRAY, U32, U64, 4, flags=MMAPABLE) as numbers:
        with numbers.mmap(write=True), pytest.raises(KernelError):
            numbers.freeze()
        numbers.freeze()


def test_mapping_outlives_the_handle_and_closes_twice() -> None:
    with ArrayMap.create(MapType.ARRAY, U32, U64, 4, flags=MMAPABLE) as numbers:
        mapped = numbers.mmap(write=True)
    mapped[0] = 9
    assert mapped[0] == 9
    mapped.close()
    mapped.close()
    for use in (lambda: mapped[0], lambda: mapped.store_words(0, bytes(8))):
        with pytest.raises(ClosedError):
            use()
