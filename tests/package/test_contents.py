# SPDX-License-Identifier: BSD-2-Clause
"""What is in the sdist and in the wheel."""

import sysconfig
import tarfile
from email.parser import Parser
from zipfile import ZipFile

import pytest
from package.conftest import Built
from package.stand import PROJECT, source_files


@pytest.fixture(scope="module")
def packed(built: Built) -> set[str]:
    """The names in the sdist."""
    with tarfile.open(built.sdist) as archive:
        return {name.partition("/")[2] for name in archive.getnames()}


@pytest.fixture(scope="module")
def shipped(built: Built) -> set[str]:
    """The names in the wheel."""
    with ZipFile(built.wheel) as archive:
        return set(archive.namelist())


def test_sdist_holds_every_file_of_the_source_tree(packed: set[str]) -> None:
    assert {".ci/run", "bpf/vmlinux.h", "LICENSES/GPL-2.0-only.txt"} <= packed
    assert set(source_files(PROJECT)) - packed == set()


def test_sdist_holds_nothing_that_was_built(packed: set[str]) -> None:
    assert not [name for name in packed if name.endswith((".o", ".so", ".pyc"))]
    assert not packed & {"xdplb/_libbpf.c", "xdplb/_abi.c"}


def test_wheel_holds_all_that_runs(shipped: set[str]) -> None:
    modules = {name for name in source_files(PROJECT) if name.startswith("xdplb/")}
    assert {name for name in modules if name.endswith((".py", ".pyi"))} <= shipped
    compiled = {"xdp_lb.bpf.o", "_libbpf.abi3.so", "_abi.abi3.so", "py.typed"}
    assert {f"xdplb/{name}" for name in compiled} <= shipped


def test_wheel_holds_every_topology(shipped: set[str]) -> None:
    names = {path.name for path in PROJECT.glob("topology/*.yaml")}
    assert "tutorial.yaml" in names
    assert {f"xdplb/lab/topologies/{name}" for name in names} <= shipped


def test_wheel_holds_both_licences(shipped: set[str]) -> None:
    licences = {name.partition("/licenses/")[2] for name in shipped}
    assert {"LICENSE", "LICENSES/GPL-2.0-only.txt"} <= licences


def test_wheel_holds_no_c_and_nothing_beside_the_package(shipped: set[str]) -> None:
    assert not [name for name in shipped if name.endswith((".c", ".h", ".cdef"))]
    assert {name.partition("/")[0].partition("-")[0] for name in shipped} == {"xdplb"}


def test_wheel_is_for_every_python_from_3_11(built: Built) -> None:
    platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    assert built.wheel.name.endswith(f"-cp311-abi3-{platform}.whl")
    with ZipFile(built.wheel) as archive:
        (metadata,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
        fields = Parser().parsestr(archive.read(metadata).decode())
    assert fields["Requires-Python"] == ">=3.11"
