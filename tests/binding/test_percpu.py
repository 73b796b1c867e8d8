# SPDX-License-Identifier: BSD-2-Clause
"""Per-CPU maps: sizes, and sums over CPUs."""

from __future__ import annotations

import pytest
from binding.stand import FRAME

from xdplb.bpf import (
    U32,
    U64,
    CodecError,
    Fields,
    Integer,
    LoadedObject,
    MapType,
    PerCpuArrayMap,
    PerCpuHashMap,
    Raw,
    host,
    percpu,
    possible_cpus,
)

CPUS = possible_cpus()


def test_a_value_is_one_part_for_each_possible_cpu(loaded: LoadedObject) -> None:
    verdicts = loaded.map("verdicts")
    assert len(verdicts[0]) == CPUS
    assert verdicts.value_size == 16
    assert verdicts.value_bytes == 16 * CPUS


@pytest.mark.parametrize("size", [1, 4, 7, 8, 12])
def test_room_for_a_value_is_rounded_up_to_eight_bytes_for_each_cpu(size: int) -> None:
    # One byte less, and the kernel would write over memory that is not the buffer's.
    with PerCpuArrayMap.create(MapType.PERCPU_ARRAY, U32, Raw(size), 2) as map_:
        assert map_.value_bytes == (size + 7) // 8 * 8 * CPUS
        map_[1] = tuple(bytes([cpu + 1]) * size for cpu in range(CPUS))
        assert map_[1] == tuple(bytes([cpu + 1]) * size for cpu in range(CPUS))
        assert map_[0] == (bytes(size),) * CPUS


def test_sizes_follow_the_possible_and_not_the_online_cpus(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(percpu, "possible_cpus", lambda: 64)
    assert percpu.PerCpuCodec(U32).size == 8 * 64


def test_possible_cpus_are_those_of_the_kernel() -> None:
    with open("/sys/devices/system/cpu/possible") as possible:
        last = possible.read().strip().split("-")[-1]
    assert host.possible_cpus() == int(last) + 1


def test_wrong_number_of_parts_is_refused() -> None:
    with (
        PerCpuArrayMap.create(MapType.PERCPU_ARRAY, U32, U64, 2) as map_,
        pytest.raises(CodecError, match=f"{CPUS + 1} values for {CPUS} CPUs"),
    ):
        map_[0] = (0,) * (CPUS + 1)


def test_totals_add_the_cpus_up(loaded: LoadedObject) -> None:
    verdicts = loaded.map("verdicts")
    assert isinstance(verdicts, PerCpuArrayMap)
    verdicts.update_many(
        (index, tuple((index, 10 * cpu) for cpu in range(CPUS))) for index in range(8)
    )
    tens = 10 * sum(range(CPUS))
    assert verdicts.totals() == {index: (index * CPUS, tens) for index in range(8)}
    assert verdicts.totals()[3].packets == 3 * CPUS
    assert verdicts.total(2) == (2 * CPUS, tens)


def test_totals_of_a_program_that_counts(loaded: LoadedObject) -> None:
    loaded.program("count").test_run(FRAME, repeat=1000)
    verdicts = loaded.map("verdicts")
    assert isinstance(verdicts, PerCpuArrayMap)
    assert verdicts.total(0) == (1000, 1000 * len(FRAME))


def test_sums_do_not_wrap() -> None:
    with PerCpuArrayMap.create(MapType.PERCPU_ARRAY, U32, U64, 1) as map_:
        map_[0] = ((1 << 64) - 1,) * CPUS
        assert map_.total(0) == CPUS * ((1 << 64) - 1)
        assert map_.totals() == {0: CPUS * ((1 << 64) - 1)}


@pytest.mark.parametrize("codec", [U32, Integer("i"), Fields("=QI4x"), Fields("=QQQQ")])
def test_totals_hold_for_any_codec_of_numbers(codec: Integer | Fields) -> None:
    width = len(codec.unpack(bytes(codec.size))) if isinstance(codec, Fields) else 0
    with PerCpuHashMap.create(MapType.PERCPU_HASH, U32, codec, 8) as map_:
        value = tuple(range(1, width + 1)) if width else 5
        expected = tuple(CPUS * part for part in range(1, width + 1)) if width else 5 * CPUS
        map_.update_many((key, (value,) * CPUS) for key in range(3))
        assert map_.totals() == dict.fromkeys(range(3), expected)
        assert map_.total(9) is None


def test_bytes_cannot_be_summed() -> None:
    with (
        PerCpuArrayMap.create(MapType.PERCPU_ARRAY, U32, 8, 1) as map_,
        pytest.raises(CodecError, match="is no number"),
    ):
        map_.totals()


def test_lru_per_cpu_hash_is_one_of_them() -> None:
    with PerCpuHashMap.create(MapType.LRU_PERCPU_HASH, U32, U64, 16) as map_:
        map_[1] = (2,) * CPUS
        assert map_.total(1) == 2 * CPUS
