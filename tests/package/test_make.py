# SPDX-License-Identifier: BSD-2-Clause
"""make: what it offers, and what it does anew when a file changed."""

import os
import sys
from pathlib import Path

import pytest
from package.stand import PROJECT, run, source_files

TARGETS = ["bpf", "vmlinux", "demo", "lab", "check", "test", "bench", "format", "clean"]
STAMPS = [".venv/packages", ".venv/installed", ".venv/developed", "xdplb/xdp_lb.bpf.o"]
THEN, NOW = 1_000_000_000, 1_000_000_001


@pytest.fixture
def up_to_date(tree: Path) -> Path:
    """A source tree where everything was made after the last change."""
    for name in source_files(PROJECT):
        os.utime(tree / name, (THEN, THEN))
    for name in STAMPS:
        (tree / name).parent.mkdir(exist_ok=True)
        (tree / name).touch()
        os.utime(tree / name, (NOW, NOW))
    return tree


def plan(tree: Path, target: str) -> str:
    """Return the commands that ``make TARGET`` would run."""
    return run("make", "--dry-run", target, cwd=tree).checked()


def test_make_alone_lists_the_targets(tree: Path) -> None:
    listed = [line.split()[1] for line in run("make", cwd=tree).checked().splitlines()]
    assert [name for name in listed if name != "help"] == TARGETS


@pytest.mark.parametrize("target", ["demo", "lab", "check", "test", "bench"])
def test_nothing_is_built_twice(up_to_date: Path, target: str) -> None:
    commands = plan(up_to_date, target)
    assert "pip install" not in commands
    assert "_object_build.py" not in commands


def test_header_of_the_program_rebuilds_the_object_alone(up_to_date: Path) -> None:
    (up_to_date / "bpf/network.h").touch()
    commands = plan(up_to_date, "test")
    assert "_object_build.py xdplb/xdp_lb.bpf.o" in commands
    assert "pip install" not in commands


@pytest.mark.parametrize("changed", ["bpf/abi.h", "xdplb/_libbpf_shim/map.c", "pyproject.toml"])
@pytest.mark.parametrize("target", ["demo", "test"])
def test_what_the_extensions_are_made_of_rebuilds_them(
    up_to_date: Path, changed: str, target: str
) -> None:
    (up_to_date / changed).touch()
    assert "pip install" in plan(up_to_date, target)


def test_header_of_both_sides_rebuilds_the_object_too(up_to_date: Path) -> None:
    (up_to_date / "bpf/abi.h").touch()
    assert "_object_build.py xdplb/xdp_lb.bpf.o" in plan(up_to_date, "demo")


def test_make_bpf_compiles_the_object(up_to_date: Path) -> None:
    (up_to_date / "bpf/network.h").touch()
    run("make", "bpf", f"PYTHON={sys.executable}", cwd=up_to_date).checked()
    assert (up_to_date / "xdplb/xdp_lb.bpf.o").read_bytes().startswith(b"\x7fELF")
    assert "_object_build.py" not in plan(up_to_date, "bpf")


def test_make_bpf_takes_no_warning(up_to_date: Path) -> None:
    with (up_to_date / "bpf/network.h").open("a") as header:
        header.write("static int never_called(int unused) { return 0; }\n")
    answer = run("make", "bpf", f"PYTHON={sys.executable}", cwd=up_to_date)
    assert answer.code != 0
    assert "error" in answer.output
    assert not (up_to_date / "xdplb/xdp_lb.bpf.o").exists()


def test_clean_leaves_the_source_tree(tree: Path) -> None:
    before = every_file(tree)
    for name in [*STAMPS, "xdplb/_libbpf.abi3.so", "xdplb/_libbpf.c", "build/x", "dist/x"]:
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).touch()
    run(sys.executable, "-m", "compileall", "-q", "xdplb/lab", cwd=tree).checked()
    assert every_file(tree) > before
    run("make", "clean", cwd=tree).checked()
    assert every_file(tree) == before


def every_file(tree: Path) -> set[Path]:
    return {path for path in tree.rglob("*") if path.is_file()}
