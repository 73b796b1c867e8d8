# SPDX-License-Identifier: BSD-2-Clause
"""What is missing for a build is named in one line, before anything is compiled."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
from package.stand import PYTHON_HEADERS, hiding, only, run

OLD_LIBBPF = "#define LIBBPF_MAJOR_VERSION 1\n#define LIBBPF_MINOR_VERSION 0\n"


class Lack(NamedTuple):
    """A machine that lacks something: how a command is begun there, and its environment."""

    begin: Sequence[str] = ()
    environment: Mapping[str, str] = {}


def lacking_clang(folder: Path) -> Lack:
    return Lack(environment=only(folder / "bin"))


def lacking_the_clang_asked_for(_folder: Path) -> Lack:
    return Lack(environment={"CLANG": "clang-99"})


def lacking_gcc(folder: Path) -> Lack:
    return Lack(environment=only(folder / "bin", "clang"))


def lacking_python_headers(_folder: Path) -> Lack:
    return Lack(hiding(PYTHON_HEADERS))


def lacking_libbpf_headers(_folder: Path) -> Lack:
    return Lack(hiding(Path("/usr/include/bpf")))


def having_an_old_libbpf(folder: Path) -> Lack:
    old = folder / "libbpf_version.h"
    old.write_text(OLD_LIBBPF)
    return Lack(hiding(Path("/usr/include/bpf/libbpf_version.h"), behind=old))


LACKS = {
    "no BPF compiler (clang)": (lacking_clang, "clang"),
    "no BPF compiler (clang-99)": (lacking_the_clang_asked_for, "clang"),
    "no C compiler (": (lacking_gcc, "gcc"),
    "Python.h is missing": (lacking_python_headers, "python3-dev"),
    "bpf/libbpf.h is missing": (lacking_libbpf_headers, "libbpf-dev"),
    "libbpf is older than 1.1": (having_an_old_libbpf, "libbpf-dev"),
}


@pytest.mark.parametrize("complaint", LACKS)
def test_missing_part_is_the_last_word_of_pip(complaint: str, tree: Path, tmp_path: Path) -> None:
    lacking, package = LACKS[complaint]
    lack = lacking(tmp_path)
    pip = (sys.executable, "-m", "pip", "wheel", "--no-build-isolation", "--no-deps", ".")
    answer = run(*lack.begin, *pip, cwd=tree, environment=lack.environment)
    said = words_of_the_build(answer.output)
    assert answer.code == 1
    assert said[-1].startswith(f"xdplb: {complaint}")
    assert said[-1].endswith(f"; install it with: apt install {package}")
    assert all(line.startswith("running ") for line in said[:-1])


def test_editable_install_names_the_missing_part_too(tree: Path) -> None:
    pip = (sys.executable, "-m", "pip", "install", "--no-build-isolation", "--no-deps")
    answer = run(
        *pip, "--target", tree / "out", "-e", ".", cwd=tree, environment={"CLANG": "clang-99"}
    )
    assert answer.code == 1
    assert words_of_the_build(answer.output)[-1].startswith("xdplb: no BPF compiler (clang-99);")


def words_of_the_build(output: str) -> list[str]:
    """Return what the build said, which pip shows between two lines of its own."""
    lines = [line.strip() for line in output.splitlines()]
    begin = next(at for at, line in enumerate(lines) if line.endswith("lines of output]"))
    return lines[begin + 1 : lines.index("[end of output]")]


def test_program_that_does_not_compile_says_where(tree: Path) -> None:
    with (tree / "bpf/network.h").open("a") as header:
        header.write("this is no C\n")
    answer = run(sys.executable, "xdplb/_object_build.py", cwd=tree)
    assert answer.code == 1
    assert "bpf/network.h:" in answer.output
    last = answer.output.splitlines()[-1]
    assert last == "xdplb: bpf/xdp_lb.bpf.c: does not compile; clang's words are above"
    assert not (tree / "xdplb/xdp_lb.bpf.o").exists()
