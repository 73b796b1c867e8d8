# SPDX-License-Identifier: BSD-2-Clause
"""Maps that are there already take the place of those an object declares, if they agree."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from xdplb.bpf import BpfObject, LoadedObject, Map, MapMismatchError, UnknownNameError

KEY = (0x0A000001, 80, b"\1\2\3\4\5\6", b"web")


def test_new_program_sees_what_the_old_one_left(
    loaded: LoadedObject, compiled: Callable[[str], Path], pins: Path
) -> None:
    loaded.map("flows")[KEY] = (1, 2)
    loaded.map("flows").pin(pins / "flows")
    with (
        Map.from_pin(pins / "flows") as pinned,
        BpfObject.open(compiled("sample")) as opened,
        opened.load(reuse={"flows": pinned}) as newer,
    ):
        assert newer.map("flows").id == pinned.id == loaded.map("flows").id
        assert newer.map("flows")[KEY] == (1, 2)
        assert newer.map("recent").id != loaded.map("recent").id


def test_each_property_that_differs_is_told(
    loaded: LoadedObject, compiled: Callable[[str], Path]
) -> None:
    with BpfObject.open(compiled("moved")) as opened, loaded.map("recent") as old:
        with pytest.raises(MapMismatchError) as caught:
            opened.load(reuse={"recent": old})
        assert caught.value.differences == [
            "type is lru_hash, the object declares hash",
            "value_size is 8, the object declares 4",
            "max_entries is 64, the object declares 32",
        ]
        assert "reuse map 'recent' as map 'recent' of object 'moved'" in str(caught.value)


def test_each_member_that_lies_elsewhere_is_told(
    loaded: LoadedObject, compiled: Callable[[str], Path]
) -> None:
    with BpfObject.open(compiled("moved")) as opened, loaded.map("flows") as old:
        with pytest.raises(MapMismatchError) as caught:
            opened.load(reuse={"flows": old})
        assert caught.value.differences == [
            "key.port is 2 bytes at 4, the object has it 2 bytes at 10",
            "key.mac is 6 bytes at 6, the object has it 6 bytes at 4",
            "value.bytes is 8 bytes at 8, the object has it missing",
            "value.octets is missing, the object has it 8 bytes at 8",
        ]


def test_mismatch_leaves_the_object_usable(
    loaded: LoadedObject, compiled: Callable[[str], Path]
) -> None:
    with BpfObject.open(compiled("moved")) as opened, loaded.map("flows") as old:
        with pytest.raises(MapMismatchError):
            opened.load(reuse={"flows": old})
        with opened.load() as other:
            assert other.map("flows").id != old.id


def test_size_can_be_set_to_that_of_the_map_to_reuse(
    loaded: LoadedObject, compiled: Callable[[str], Path]
) -> None:
    with BpfObject.open(compiled("sample")) as opened, loaded.map("recent") as old:
        opened.map("recent").max_entries = 128
        with pytest.raises(MapMismatchError, match="max_entries is 64, the object declares 128"):
            opened.load(reuse={"recent": old})
        opened.map("recent").max_entries = old.max_entries
        with opened.load(reuse={"recent": old}) as newer:
            assert newer.map("recent").id == old.id


def test_map_that_the_object_has_not_got_is_named(
    loaded: LoadedObject, compiled: Callable[[str], Path]
) -> None:
    with (
        BpfObject.open(compiled("moved")) as opened,
        loaded.map("slots") as slots,
        pytest.raises(UnknownNameError, match="no map 'slots'"),
    ):
        opened.load(reuse={"slots": slots})
