# SPDX-License-Identifier: BSD-2-Clause
"""Objects: opening, choosing, loading, and what stays when they are closed."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from binding.stand import open_fds

from xdplb.bpf import (
    U32,
    U64,
    ArrayMap,
    BpfObject,
    ClosedError,
    HashMap,
    KernelError,
    LoadedObject,
    LruHashMap,
    Map,
    MapOfMaps,
    MapType,
    ObjectError,
    OpenedObject,
    PerCpuArrayMap,
    RingBufferMap,
    UnknownNameError,
)


def test_object_opens_from_bytes_as_from_a_file(compiled: Callable[[str], Path]) -> None:
    path = compiled("sample")
    with BpfObject.open(path) as from_file, BpfObject.open(path.read_bytes()) as from_bytes:
        assert list(from_bytes.maps) == list(from_file.maps)
        assert list(from_bytes.programs) == ["count", "bounce"]
        assert (from_file.name, from_bytes.name) == ("sample", "object")


def test_object_from_bytes_loads(compiled: Callable[[str], Path]) -> None:
    data = compiled("sample").read_bytes()
    opened = BpfObject.open(data, name="mine")
    del data
    with opened.load() as loaded:
        assert loaded.program("bounce").test_run(bytes(64)).retval == 3


def test_missing_file_is_named() -> None:
    with pytest.raises(ObjectError, match=r"open /nowhere/x.bpf.o: No such file") as caught:
        BpfObject.open("/nowhere/x.bpf.o")
    assert caught.value.errno == errno.ENOENT


@pytest.mark.parametrize("data", [b"", b"not an object at all"])
def test_bytes_that_are_no_object_are_refused(data: bytes) -> None:
    with pytest.raises(ObjectError):
        BpfObject.open(data)


def test_opening_gives_nothing_to_the_kernel(compiled: Callable[[str], Path]) -> None:
    before = _bpf_fds()
    with BpfObject.open(compiled("sample")):
        assert _bpf_fds() == before


def _bpf_fds() -> list[str]:
    kinds = [os.readlink(fd) for fd in Path("/proc/self/fd").iterdir() if fd.is_symlink()]
    return [kind for kind in kinds if kind.startswith("anon_inode")]


def test_maps_are_what_the_object_declares(sample: OpenedObject) -> None:
    flows = sample.map("flows")
    assert (flows.type, flows.key_size, flows.value_size) == (MapType.HASH, 20, 16)
    assert (flows.max_entries, flows.flags, flows.autocreate) == (64, 0, True)
    assert sample.map("slots").flags == 0x400  # BPF_F_MMAPABLE
    assert sample.program("count").section == "xdp"


def test_data_sections_go_by_their_own_names(sample: OpenedObject) -> None:
    assert {".rodata", ".data", ".bss"} <= set(sample.maps)


def test_limits_are_chosen_before_loading(sample: OpenedObject) -> None:
    sample.map("flows").max_entries = 1000
    sample.map("recent").flags = 2  # BPF_F_NO_COMMON_LRU
    with sample.load() as loaded:
        assert loaded.map("flows").max_entries == 1000
        assert loaded.map("recent").flags == 2


def test_map_that_is_not_wanted_is_not_made(compiled: Callable[[str], Path]) -> None:
    with BpfObject.open(compiled("sample")) as opened:
        opened.map("recent").autocreate = False
        with opened.load() as loaded:
            assert "recent" not in loaded.maps
            with pytest.raises(UnknownNameError):
                loaded.map("recent")


def test_each_map_is_of_the_class_of_its_type(loaded: LoadedObject) -> None:
    kinds = {name: type(map_) for name, map_ in loaded.maps.items() if not name.startswith(".")}
    assert kinds == {
        "slots": ArrayMap,
        "flows": HashMap,
        "recent": LruHashMap,
        "verdicts": PerCpuArrayMap,
        "events": RingBufferMap,
        "tables": MapOfMaps,
    }


def test_loading_uses_the_opened_object_up(sample: OpenedObject) -> None:
    flows = sample.map("flows")
    with sample.load():
        for use in (sample.load, lambda: flows.max_entries, lambda: sample.map("flows")):
            with pytest.raises(ClosedError, match="used up"):
                use()
        sample.close()


def test_opened_object_closes_twice(compiled: Callable[[str], Path]) -> None:
    opened = BpfObject.open(compiled("sample"))
    opened.close()
    opened.close()
    with pytest.raises(ClosedError):
        opened.load()


def test_loaded_object_outlives_the_opened_one(compiled: Callable[[str], Path]) -> None:
    with BpfObject.open(compiled("sample")) as opened:
        loaded = opened.load()
    assert loaded.program("bounce").test_run(bytes(64)).retval == 3
    loaded.close()
    loaded.close()
    with pytest.raises(ClosedError):
        loaded.map("flows")


def test_handles_outlive_the_object_they_came_from(sample: OpenedObject) -> None:
    with sample.load() as loaded:
        recent, bounce = loaded.map("recent"), loaded.program("bounce")
    # Their descriptors are duplicates: the object's own are closed, and their numbers free.
    with recent, bounce:
        recent[1] = 2
        assert recent[1] == 2
        assert bounce.test_run(bytes(64)).retval == 3


def test_handles_of_one_map_are_independent(loaded: LoadedObject) -> None:
    with loaded.map("recent") as one:
        one[7] = 8
    assert loaded.map("recent")[7] == 8


def test_descriptors_are_closed_on_exec(loaded: LoadedObject) -> None:
    handles = [loaded.map("recent"), loaded.program("bounce"), loaded.map("slots").dup()]
    with handles[-1]:
        assert [os.get_inheritable(handle.fileno()) for handle in handles] == [False] * 3


def test_inner_map_is_given_by_a_template(compiled: Callable[[str], Path]) -> None:
    with Map.create(MapType.ARRAY, U32, U64, 4096, flags=0x400) as template:
        before = open_fds()
        with BpfObject.open(compiled("sample")) as opened:
            opened.map("tables").set_inner(template)
            with opened.load() as loaded:
                loaded.map("tables")[0] = template
        assert open_fds() == before


def test_map_that_the_kernel_refuses_is_named(sample: OpenedObject) -> None:
    sample.map("flows").flags = 1 << 30
    with pytest.raises(KernelError, match="flows") as caught:
        sample.load()
    assert caught.value.errno == errno.EINVAL
    assert caught.value.operation == "load"
