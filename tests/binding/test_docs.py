# SPDX-License-Identifier: BSD-2-Clause
"""docs/binding.md tells the truth: its example runs, and the names in it are there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from binding.stand import PROJECT, Wire, compile_bpf

import xdplb.bpf

TEXT = (PROJECT / "docs" / "binding.md").read_text()


def _block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)
    assert found
    return found.group(1)


def test_example_runs_as_it_stands(tmp_path: Path, wire: Wire) -> None:
    source = tmp_path / "hello.bpf.c"
    source.write_text(_block("c"))
    compile_bpf(source, tmp_path / "hello.bpf.o")
    program = _block("python").replace('"veth0"', '"v0"').replace('"blue"', f'"{wire.near}"')
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", program],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={"PYTHONPATH": str(PROJECT)},
    )
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert re.fullmatch(r"program \d+ 'hello' \(native, link \d+\)", lines[1])
    assert lines[0] == "2"
    assert lines[2] == "200 0"
    assert lines[3].startswith("{0: 0, 1: 1, 2: 0, 3: 1,")


def test_names_in_the_table_exist() -> None:
    table = TEXT.split("## The parts")[1].split("**Values.**")[0]
    classes = re.findall(r"`([A-Z]\w+)", table)
    functions = re.findall(r"`(\w+)\(", table)
    assert len(classes) > 10
    for name in classes:
        assert hasattr(xdplb.bpf, name), name
    methods = {name for thing in vars(xdplb.bpf).values() for name in dir(thing)}
    assert [name for name in functions if name not in methods | set(dir(xdplb.bpf))] == []
