# SPDX-License-Identifier: BSD-2-Clause
"""Maps, one key at a time, and where they come from."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path

import pytest
from binding.stand import PASS, open_fds

from xdplb.bpf import (
    U32,
    U64,
    ArrayMap,
    ClosedError,
    CodecError,
    HashMap,
    KernelError,
    KeyExistsError,
    KeyMissingError,
    Map,
    MapFullError,
    MapType,
    NotFoundError,
    Program,
    Raw,
    UpdateMode,
)


@pytest.fixture
def table() -> Iterator[Map[int, int]]:
    """A hash of four numbers."""
    with Map.create(MapType.HASH, U32, U64, 4, name="bt_table") as made:
        yield made


def test_value_comes_back_as_it_was_stored(table: Map[int, int]) -> None:
    table.update(1, 1 << 63)
    assert table.lookup(1) == 1 << 63
    assert table.lookup(2) is None
    assert 1 in table
    assert 2 not in table


def test_delete_tells_whether_the_key_was_there(table: Map[int, int]) -> None:
    table[1] = 2
    assert table.delete(1) is True
    assert table.delete(1) is False


def test_map_reads_like_a_dict(table: Map[int, int]) -> None:
    table[1] = 10
    table[2] = 20
    assert table[1] == 10
    assert sorted(table) == [1, 2]
    assert dict(table.items()) == {1: 10, 2: 20}
    del table[1]
    assert table.count() == 1


def test_missing_key_is_a_key_error_that_names_map_and_key(table: Map[int, int]) -> None:
    with pytest.raises(KeyMissingError, match=r"look up in map 'bt_table': .*; key 5"):
        table[5]
    with pytest.raises(KeyError):
        del table[5]


def test_update_modes(table: Map[int, int]) -> None:
    with pytest.raises(KeyMissingError):
        table.update(1, 1, mode=UpdateMode.EXISTING)
    table.update(1, 1, mode=UpdateMode.NEW)
    with pytest.raises(KeyExistsError):
        table.update(1, 2, mode=UpdateMode.NEW)
    table.update(1, 3, mode=UpdateMode.EXISTING)
    assert table[1] == 3


def test_full_map_says_so(table: Map[int, int]) -> None:
    for key in range(4):
        table[key] = 0
    with pytest.raises(MapFullError):
        table[4] = 0
    table[3] = 1


def test_lru_map_makes_room() -> None:
    with Map.create(MapType.LRU_HASH, U32, U32, 64) as recent:
        for key in range(1000):
            recent[key] = key
        assert recent.count() <= 64
        assert 999 in recent


@pytest.mark.parametrize(("key", "value"), [(b"abc", b"x" * 8), (b"abcd", b"x" * 7), (b"", b"")])
def test_wrong_sizes_never_reach_the_kernel(key: bytes, value: bytes) -> None:
    with (
        Map.create(MapType.HASH, 4, 8, 4, name="bt_raw") as raw,
        pytest.raises(CodecError, match=r"bytes where [48] belong"),
    ):
        raw.update(key, value)


def test_codec_that_packs_the_wrong_size_never_reaches_the_kernel() -> None:
    class Liar(Raw):
        def pack(self, value: bytes | bytearray | memoryview) -> bytes:
            return b"short"

    with Map.create(MapType.HASH, Liar(4), 8, 4, name="bt_liar") as map_:
        for use in (map_.lookup, map_.delete, lambda key: map_.update(key, bytes(8))):
            with pytest.raises(CodecError, match="map 'bt_liar': key of 5 bytes where 4 belong"):
                use(b"abcd")


def test_codec_of_the_wrong_size_is_refused(table: Map[int, int]) -> None:
    with pytest.raises(CodecError, match=r"value codec .* makes 4 bytes, the map's values .* 8"):
        table.typed(U32, U32)
    table[1] = 1


def test_same_map_under_other_codecs(table: Map[int, int]) -> None:
    table[1] = 2
    raw = table.typed(Raw(4), Raw(8))
    assert raw[b"\1\0\0\0"] == b"\2\0\0\0\0\0\0\0"


def test_array_index_beyond_the_end_names_the_last_one() -> None:
    with ArrayMap.create(MapType.ARRAY, U32, U32, 4, name="bt_array") as array:
        with pytest.raises(KeyMissingError, match="index 4: the last one is 3"):
            array[4] = 1
        assert array.lookup(4) is None
        assert len(array) == 4
        assert list(array) == [0, 1, 2, 3]


def test_array_elements_cannot_be_deleted() -> None:
    with Map.create(MapType.ARRAY, U32, U32, 4) as array, pytest.raises(KernelError) as caught:
        array.delete(0)
    assert caught.value.errno == errno.EINVAL


def test_closed_map_says_so(table: Map[int, int]) -> None:
    table.close()
    table.close()
    assert table.closed
    with pytest.raises(ClosedError, match="map 'bt_table': is closed"):
        table.fileno()
    with pytest.raises(ClosedError):
        table.count()
    with pytest.raises(ClosedError):
        table.lookup(1)
    with pytest.raises(ClosedError):
        table.update(1, 1)


def test_handle_shows_what_it_is(table: Map[int, int]) -> None:
    assert repr(table) == f"<HashMap map 'bt_table', fd {table.fileno()}>"
    assert (table.name, table.type, table.max_entries) == ("bt_table", MapType.HASH, 4)
    assert (table.key_size, table.value_size, table.flags) == (4, 8, 0)


def test_pinned_map_opens_again(table: Map[int, int], pins: Path) -> None:
    table[3] = 4
    table.pin(pins / "table")
    with Map.from_pin(pins / "table", key=U32, value=U64) as again:
        assert type(again) is HashMap
        assert again.id == table.id
        assert again[3] == 4
    with HashMap.from_pin(pins / "table") as raw:
        assert raw[b"\3\0\0\0"] == b"\4\0\0\0\0\0\0\0"


def test_pin_of_another_type_is_refused_without_a_leak(table: Map[int, int], pins: Path) -> None:
    table.pin(pins / "table")
    before = open_fds()
    with pytest.raises(CodecError, match="of type hash, which makes a HashMap and no ArrayMap"):
        ArrayMap.from_pin(pins / "table")
    with pytest.raises(CodecError):
        Map.from_pin(pins / "table", key=U64)
    assert open_fds() == before


def test_pin_of_another_kind_is_refused_without_a_leak(table: Map[int, int], pins: Path) -> None:
    table.pin(pins / "table")
    with Program.from_instructions(PASS) as program:
        program.pin(pins / "program")
        before = open_fds()
        with pytest.raises(KernelError, match="it is a map"):
            Program.from_pin(pins / "table")
        with pytest.raises(KernelError, match="it is a program"):
            Map.from_pin(pins / "program")
        assert open_fds() == before


def test_pin_over_a_pin_is_refused(table: Map[int, int], pins: Path) -> None:
    table.pin(pins / "table")
    with pytest.raises(KernelError) as caught:
        table.pin(pins / "table")
    assert caught.value.errno == errno.EEXIST


def test_missing_pin_is_a_file_not_found(pins: Path) -> None:
    with pytest.raises(NotFoundError, match=f"open map {pins}/nothing: No such file"):
        Map.from_pin(pins / "nothing")


def test_pin_off_a_bpf_file_system_says_what_is_the_matter(
    table: Map[int, int], tmp_path: Path
) -> None:
    with pytest.raises(KernelError, match="is not on a bpf file system"):
        table.pin(tmp_path / "table")
    with pytest.raises(KernelError, match="is no folder; make it first"):
        table.pin(tmp_path / "folder" / "table")


def test_dot_in_a_pins_name_is_explained(table: Map[int, int], pins: Path) -> None:
    with pytest.raises(KernelError, match=r"takes no dot in a name, and 'eth0.100' has one"):
        table.pin(pins / "eth0.100")


def test_map_opens_by_its_id(table: Map[int, int]) -> None:
    table[1] = 2
    with Map.from_id(table.id, key=U32, value=U64) as same:
        assert same[1] == 2
    with pytest.raises(NotFoundError):
        Map.from_id(0xFFFFFFF0)


def test_frozen_map_takes_no_update(table: Map[int, int]) -> None:
    table.freeze()
    with pytest.raises(KernelError) as caught:
        table[1] = 1
    assert caught.value.errno == errno.EPERM


def test_duplicate_is_closed_by_itself(table: Map[int, int]) -> None:
    with table.dup() as twin:
        twin[1] = 5
    assert table[1] == 5
