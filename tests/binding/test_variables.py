# SPDX-License-Identifier: BSD-2-Clause
"""Constants before loading, globals afterwards."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from binding.stand import FRAME

from xdplb.bpf import (
    BpfError,
    BpfObject,
    ClosedError,
    CodecError,
    LoadedObject,
    OpenedObject,
    UnknownNameError,
)


def test_constants_have_the_values_of_the_source(sample: OpenedObject) -> None:
    assert sample.constants["answer"] == 2
    assert sample.constants["tells"] is False
    assert sample.constants["ports"] == (0, 0, 0, 0)


def test_program_obeys_a_constant(sample: OpenedObject) -> None:
    sample.set_constant("answer", 1)
    with sample.load() as loaded:
        assert loaded.program("count").test_run(FRAME).retval == 1


def test_constants_of_all_kinds_are_set_and_still_there_after_loading(
    sample: OpenedObject,
) -> None:
    sample.set_constant("tells", True)
    sample.set_constant("ports", [80, 443, 0, 65535])
    sample.set_constant("home", {"host": 0x0A000001, "port": 80, "mac": b"\1\2\3\4\5\6"})
    with sample.load() as loaded:
        home = loaded.constants["home"]
        assert loaded.constants["tells"] is True
        assert loaded.constants["ports"] == (80, 443, 0, 65535)
        assert (home.host, home.port, home.mac) == (0x0A000001, 80, b"\1\2\3\4\5\6")
        assert loaded.constants.raw("home")[:6] == bytes([10, 0, 0, 1, 0, 80])


def test_constants_are_read_only_after_loading(loaded: LoadedObject) -> None:
    with pytest.raises(BpfError, match="constant 'answer' is read-only once it is loaded"):
        loaded.constants.set("answer", 1)


def test_unknown_constant_is_refused_with_the_near_miss(sample: OpenedObject) -> None:
    with pytest.raises(UnknownNameError, match="no constant 'anwser'; did you mean 'answer'"):
        sample.set_constant("anwser", 1)


def test_global_is_no_constant(sample: OpenedObject) -> None:
    with pytest.raises(UnknownNameError, match="no constant 'step'"):
        sample.set_constant("step", 1)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("answer", 1 << 32, "4294967296 is not a whole number from 0 to 4294967295"),
        ("answer", -1, "-1 is not a whole number"),
        ("answer", "one", "'one' is not a whole number"),
        ("ports", [1, 2, 3], "3 elements where 4 belong"),
        ("home", {"host": 1, "prot": 2}, "no member 'prot'; did you mean 'port'"),
        ("home", (1, 2), "2 values for 4 members"),
        ("home", {"mac": b"short"}, "struct address.mac: 5 bytes where 6 belong"),
        ("home", {"port": 70000}, "struct address.port: 70000 is not .* 0 to 65535"),
    ],
)
def test_value_that_does_not_fit_is_refused(
    sample: OpenedObject, name: str, value: object, message: str
) -> None:
    with pytest.raises((CodecError, UnknownNameError), match=message):
        sample.set_constant(name, value)


def test_constants_end_with_the_opened_object(compiled: Callable[[str], Path]) -> None:
    opened = BpfObject.open(compiled("sample"))
    opened.close()
    with pytest.raises(ClosedError):
        opened.constants["answer"]
    with pytest.raises(ClosedError):
        opened.set_constant("answer", 1)


def test_globals_are_live_both_ways(loaded: LoadedObject) -> None:
    count = loaded.program("count")
    assert (loaded.get_global("step"), loaded.get_global("seen")) == (1, 0)
    count.test_run(FRAME)
    assert loaded.get_global("seen") == 1
    # libbpf 1.1 hands out a private copy after loading: a write there would be lost.
    loaded.set_global("step", 10)
    loaded.set_global("seen", 100)
    count.test_run(FRAME)
    assert loaded.globals["seen"] == 110


def test_globals_of_data_and_bss_are_listed_together(loaded: LoadedObject) -> None:
    assert {"step", "seen"} <= set(loaded.globals)
    assert "answer" not in loaded.globals
    assert set(loaded.constants) == {"answer", "home", "ports", "tells"}


def test_offsets_come_from_the_opened_object_and_not_from_the_file(sample: OpenedObject) -> None:
    # In the file's own BTF all of them are 0; libbpf fills them in when it opens it.
    variables = sample.btf.variables(".rodata")
    offsets = {variable.name: variable.offset for variable in variables}
    assert len(set(offsets.values())) == 4


def test_globals_end_with_the_loaded_object(sample: OpenedObject) -> None:
    loaded = sample.load()
    assert loaded.globals["step"] == 1
    loaded.close()
    with pytest.raises(ClosedError):
        loaded.globals["step"]
