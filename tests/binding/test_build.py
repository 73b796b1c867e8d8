# SPDX-License-Identifier: BSD-2-Clause
"""Building the extension: what is missing is named in one line, and bad C does not compile."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from binding.stand import PROJECT

from xdplb import _libbpf, _libbpf_build


def _check(**environment: str) -> subprocess.CompletedProcess[str]:
    code = "from xdplb._libbpf_build import check_toolchain; check_toolchain()"
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(PROJECT), **environment},
    )


def _compiler_without(header: str, folder: Path) -> str:
    """Return a compiler that cannot find *header*."""
    fake = folder / "cc"
    fake.write_text(
        "#!/bin/sh\nsource=$(cat)\n"
        f"case $source in *'{header}'*) echo 'fatal error: {header}' >&2; exit 1;; esac\n"
        'printf "%s\\n" "$source" | gcc "$@"\n'
    )
    fake.chmod(0o755)
    return str(fake)


def test_this_machine_has_what_it_takes() -> None:
    done = _check()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_missing_compiler_is_one_line_with_its_package() -> None:
    done = _check(CC="cc-that-is-not-there")
    assert done.returncode == 1
    assert done.stderr == (
        "xdplb: no C compiler (cc-that-is-not-there); install it with: apt install gcc\n"
    )


@pytest.mark.parametrize(
    ("header", "line"),
    [
        ("bpf/libbpf.h", "bpf/libbpf.h is missing; install it with: apt install libbpf-dev"),
        ("Python.h", "Python.h is missing; install it with: apt install python3-dev"),
        ("linux/bpf.h", "linux/bpf.h is missing; install it with: apt install linux-libc-dev"),
        ("error old", "libbpf is older than 1.1; install it with: apt install libbpf-dev"),
    ],
)
def test_missing_header_is_one_line_with_its_package(
    tmp_path: Path, header: str, line: str
) -> None:
    done = _check(CC=_compiler_without(header, tmp_path))
    assert done.returncode == 1
    assert done.stderr == f"xdplb: {line}\n"


@pytest.mark.parametrize(
    "source",
    ["void *f(void) { return not_declared(); }", "int f(void *pointer) { return pointer; }"],
)
def test_pointers_cut_to_integers_do_not_compile(source: str) -> None:
    # gcc 12 alone only warns, and the 64-bit pointer arrives with 32 bits.
    done = subprocess.run(
        ["gcc", *_libbpf_build.COMPILE_FLAGS, "-c", "-x", "c", "-o", os.devnull, "-"],
        input=source,
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode != 0


def test_every_c_file_is_built_and_every_header_is_watched() -> None:
    shim = Path(_libbpf_build.SHIM_FOLDER)
    assert set(_libbpf_build.HEADERS) == {path.name for path in shim.glob("*.h")}
    assigned = vars(_libbpf_build.ffibuilder)["_assigned_source"]
    options = assigned[-1]
    assert len(options["sources"]) == len(list(shim.glob("*.c")))
    assert options["libraries"] == ["bpf"]


def test_extension_serves_all_versions_of_python() -> None:
    assert str(_libbpf.__file__).endswith("_libbpf.abi3.so")
