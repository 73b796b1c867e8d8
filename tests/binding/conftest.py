# SPDX-License-Identifier: BSD-2-Clause
"""Objects compiled once a run, interfaces in namespaces of their own, and a folder for pins."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from binding.stand import PIN_ROOT, SOURCES, Wire, compile_bpf, run

from xdplb.bpf import BpfObject, LoadedObject, OpenedObject


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Give out a function that compiles ``bpf/NAME.bpf.c``, each one once."""
    folder = tmp_path_factory.mktemp("objects")

    def compile_named(name: str) -> Path:
        output = folder / f"{name}.bpf.o"
        if not output.exists():
            compile_bpf(SOURCES / f"{name}.bpf.c", output)
        return output

    return compile_named


@pytest.fixture
def sample(compiled: Callable[[str], Path]) -> Iterator[OpenedObject]:
    """The sample object, opened."""
    with BpfObject.open(compiled("sample")) as opened:
        yield opened


@pytest.fixture
def loaded(sample: OpenedObject) -> Iterator[LoadedObject]:
    """The sample object in the kernel, as it is compiled."""
    with sample.load() as lb:
        yield lb


@pytest.fixture
def pins() -> Iterator[Path]:
    """A folder on the bpf file system."""
    folder = PIN_ROOT / f"bt-{os.getpid()}"
    folder.mkdir()
    try:
        yield folder
    finally:
        for pin in folder.iterdir():
            pin.unlink()
        folder.rmdir()


@pytest.fixture
def wire() -> Iterator[Wire]:
    """A veth pair whose ends lie in two namespaces of their own, both up."""
    wire = Wire(f"bt-{os.getpid()}-near", f"bt-{os.getpid()}-far")
    try:
        for namespace in wire:
            run(f"ip netns add {namespace}")
        run(f"ip -n {wire.near} link add v0 type veth peer name v1 netns {wire.far}")
        run(f"ip -n {wire.near} link set v0 up")
        run(f"ip -n {wire.far} link set v1 up")
        yield wire
    finally:
        for namespace in wire:
            subprocess.run(["ip", "netns", "delete", namespace], check=False)
