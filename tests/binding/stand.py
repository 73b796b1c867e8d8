# SPDX-License-Identifier: BSD-2-Clause
"""What several tests of the binding stand on."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

SOURCES = Path(__file__).parent / "bpf"
PIN_ROOT = Path("/sys/fs/bpf")
PROJECT = Path(__file__).parent.parent.parent

PASS = bytes.fromhex("b7000000020000009500000000000000")  # r0 = XDP_PASS; exit
DROP = bytes.fromhex("b7000000010000009500000000000000")
FRAME = b"\x02\0\0\0\0\1\x02\0\0\0\0\2\x88\xb5" + bytes(50)  # a local experiment's


class Wire(NamedTuple):
    """The two namespaces of a veth pair: ``v0`` in *near*, ``v1`` in *far*."""

    near: str
    far: str


def run(command: str) -> str:
    """Run a command of plain words that has to work, and return what it printed."""
    done = subprocess.run(command.split(), check=False, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout


def compile_bpf(source: Path, output: Path) -> None:
    """Compile a BPF C file; compiler errors come with the exception."""
    include = f"/usr/include/{platform.machine()}-linux-gnu"
    done = subprocess.run(
        [*f"clang -target bpf -g -O2 -Wall -Werror -I{include} -c".split(), source, "-o", output],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def run_python(code: str, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run Python code in a process of its own that can import the package."""
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        check=check,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
    )


def open_fds() -> int:
    """Return how many descriptors this process has open."""
    return len(os.listdir("/proc/self/fd"))
