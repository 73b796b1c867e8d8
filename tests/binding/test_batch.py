# SPDX-License-Identifier: BSD-2-Clause
"""Many elements at once: what batches leave out, break off and can't do."""

from __future__ import annotations

import errno
from collections.abc import Iterator

import pytest

from xdplb._libbpf import lib
from xdplb.bpf import U32, U64, BatchError, CodecError, Map, MapType, batch
from xdplb.bpf.calls import ENOTSUPP

MANY = 60_000


@pytest.fixture
def table() -> Iterator[Map[int, int]]:
    with Map.create(MapType.HASH, U32, U64, 1 << 16, name="bt_many") as made:
        yield made


def test_all_elements_are_stored_and_read(table: Map[int, int]) -> None:
    assert table.update_many((key, key * 2) for key in range(MANY)) == MANY
    assert dict(table.items()) == {key: key * 2 for key in range(MANY)}
    assert table.count() == MANY


@pytest.mark.parametrize("chunk", [1, 2, 4])
def test_chunk_smaller_than_a_bucket_grows_and_loses_nothing(
    table: Map[int, int], chunk: int
) -> None:
    # A hash gives whole buckets: with ENOSPC where one does not fit, from the same place on.
    table.update_many((key, key) for key in range(MANY))
    keys = [key for key, _ in table.items(chunk=chunk)]
    assert len(keys) == MANY
    assert set(keys) == set(range(MANY))


@pytest.mark.parametrize("count", [0, 1, 4095, 4096, 4097, 8192])
def test_last_chunk_counts_whether_full_or_not(count: int) -> None:
    with Map.create(MapType.ARRAY, U32, U32, max(count, 1)) as array:
        array.update_many((key, key + 1) for key in range(count))
        assert list(array.items()) == [(key, key + 1) for key in range(count)] or count == 0


def test_batch_that_breaks_off_tells_how_far_it_came() -> None:
    with Map.create(MapType.HASH, U32, U32, 10, name="bt_small") as small:
        with pytest.raises(BatchError, match=r"update .*map 'bt_small'") as caught:
            small.update_many((key, 0) for key in range(25))
        assert caught.value.done == 10
        assert caught.value.errno == errno.E2BIG
        assert sorted(small) == list(range(10))


def test_deleting_passes_over_keys_that_are_gone(table: Map[int, int]) -> None:
    table.update_many((key, 0) for key in range(0, 100, 2))
    assert table.delete_many(range(100)) == 50
    assert table.count() == 0


def test_clear_deletes_all_and_says_how_many(table: Map[int, int]) -> None:
    # A walk whose key is deleted begins again: deleting while walking could go on for ever.
    table.update_many((key, 0) for key in range(10_000))
    assert table.clear() == 10_000
    assert list(table) == []
    assert table.clear() == 0


def test_empty_batches_do_nothing(table: Map[int, int]) -> None:
    assert table.update_many([]) == 0
    assert table.delete_many([]) == 0
    assert list(table.items()) == []


def test_elements_may_change_while_they_are_read(table: Map[int, int]) -> None:
    table.update_many((key, 0) for key in range(10_000))
    seen = []
    for key, _ in table.items(chunk=1000):
        seen.append(key)
        table.delete(key)
    assert len(seen) == len(set(seen))
    assert table.count() == 10_000 - len(seen)


@pytest.mark.parametrize(("keys", "values"), [(bytes(7), bytes(16)), (bytes(8), bytes(15))])
def test_buffers_of_the_wrong_size_never_reach_the_kernel(
    table: Map[int, int], keys: bytes, values: bytes
) -> None:
    with pytest.raises(CodecError, match=r"2 (keys|values) of"):
        table.write_batch(keys, values, 2)
    with pytest.raises(CodecError, match="keys of 7 bytes"):
        table.erase_batch(bytes(7))


def test_buffers_of_any_type_are_taken(table: Map[int, int]) -> None:
    keys = memoryview(bytearray(b"\1\0\0\0\2\0\0\0"))
    assert table.write_batch(keys, bytearray(16), 2) == 2
    assert sorted(table) == [1, 2]


def test_raw_chunks_are_packed_side_by_side(table: Map[int, int]) -> None:
    table[7] = 9
    ((keys, values),) = [(bytes(keys), bytes(values)) for keys, values in table.read_batches()]
    assert (keys, values) == (U32.pack(7), U64.pack(9))


@pytest.fixture
def without_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel that has no batches for this type, as 5.10 has none for per-CPU arrays."""

    class NoBatches:
        def __getattr__(self, name: str) -> object:
            return (lambda *_: -ENOTSUPP) if name.endswith("_batch") else getattr(lib, name)

    monkeypatch.setattr(batch, "lib", NoBatches())


@pytest.mark.usefixtures("without_batches")
def test_maps_without_batches_are_gone_through_key_by_key(table: Map[int, int]) -> None:
    assert table.update_many((key, key) for key in range(9000)) == 9000
    assert dict(table.items()) == {key: key for key in range(9000)}
    assert table.delete_many([1, 2, 100_000]) == 2
    assert table.clear() == 8998


@pytest.mark.usefixtures("without_batches")
def test_key_by_key_too_it_is_told_how_far_it_came() -> None:
    with Map.create(MapType.HASH, U32, U32, 3) as small:
        with pytest.raises(BatchError) as caught:
            small.update_many((key, 0) for key in range(5))
        assert caught.value.done == 3


def test_lpm_trie_reads_in_batches_too() -> None:
    with Map.create(MapType.LPM_TRIE, 8, 4, 16, flags=1) as trie:  # BPF_F_NO_PREALLOC
        networks = {bytes([prefix, 0, 0, 0, 10, 0, 0, 0]): bytes(4) for prefix in (8, 16, 24)}
        trie.update_many(networks.items())
        assert dict(trie.items()) == networks
