# SPDX-License-Identifier: BSD-2-Clause
"""Other versions of libbpf than the one this was built with."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from binding.stand import PROJECT

from xdplb import _libbpf
from xdplb.bpf import BpfObject, FeatureError, has_symbol, host, libbpf_version

FIRST = (1, 1)  # the oldest libbpf that will do


def test_version_is_that_of_the_library_that_is_loaded() -> None:
    assert libbpf_version() >= FIRST
    maps = Path("/proc/self/maps").read_text()
    version = ".".join(map(str, libbpf_version()))
    assert f"libbpf.so.{version}" in maps


def test_extension_asks_for_no_symbol_newer_than_the_oldest_libbpf() -> None:
    # One version that the library lacks, even of a weak symbol, and nothing imports any more.
    shown = subprocess.run(
        ["objdump", "-T", str(_libbpf.__file__)], check=True, capture_output=True, text=True
    )
    versions = {
        tuple(int(part) for part in word.strip("()").removeprefix("LIBBPF_").split("."))
        for line in shown.stdout.splitlines()
        for word in line.split()
        if "LIBBPF_" in word
    }
    assert versions
    assert max(versions)[:2] <= FIRST


def test_functions_are_looked_for_by_name() -> None:
    assert has_symbol("bpf_object__load")
    assert not has_symbol("bpf_object__levitate")


def test_function_that_this_libbpf_lacks_is_a_missing_feature(
    compiled: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host, "has_symbol", lambda _: False)
    with BpfObject.open(compiled("sample")) as opened:
        with pytest.raises(
            FeatureError, match=r"bpf_object__prepare came with libbpf 1.5"
        ) as caught:
            opened.prepare()
        assert caught.value.feature == "bpf_object__prepare"
        with opened.load() as loaded:
            assert loaded.program("bounce").id


def test_object_without_core_relocations_needs_no_btf_of_the_kernel(
    compiled: Callable[[str], Path],
) -> None:
    # Reading it would take half a second; some kernels have none.
    code = (
        "import os, sys; from xdplb.bpf import BpfObject;"
        "assert os.path.getsize('/sys/kernel/btf/vmlinux') == 0;"
        "print(BpfObject.open(sys.argv[1]).load().program('bounce').test_run(bytes(64)).retval)"
    )
    hide = 'mount --bind /dev/null /sys/kernel/btf/vmlinux && exec "$@"'
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", hide, "sh", sys.executable, "-c", code, compiled("sample")],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
    )
    assert (done.returncode, done.stdout) == (0, "3\n"), done.stderr


def test_prepare_works_or_is_a_missing_feature(compiled: Callable[[str], Path]) -> None:
    with BpfObject.open(compiled("sample")) as opened:
        if has_symbol("bpf_object__prepare"):
            opened.prepare()
        else:
            with pytest.raises(FeatureError):
                opened.prepare()
        with opened.load() as loaded:
            assert loaded.program("bounce").id
