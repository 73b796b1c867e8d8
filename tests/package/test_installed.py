# SPDX-License-Identifier: BSD-2-Clause
"""The package installed in the ways there are, and used from somewhere else."""

import sys
from pathlib import Path
from zipfile import ZipFile

from package.conftest import Built
from package.stand import copy_tree, pip_install, run, venv

# What an installed xdplb does from end to end without a network: it loads its program and has it
# pass a frame that is none of its own.
USE = """
import xdplb.loader
from xdplb.bpf import BpfObject

print(xdplb.loader.OBJECT)
with BpfObject.open(xdplb.loader.OBJECT) as opened, opened.load() as loaded:
    print(loaded.program("xdp_lb").test_run(bytes(64)).retval)
"""
XDP_PASS = "2"


def use(commands: Path, cwd: Path) -> Path:
    """Use the xdplb of a virtual environment, and return the folder it lies in."""
    assert "tutorial: " in run(commands / "xdplb", "lab", "list", cwd=cwd).checked()
    used, action = run(commands / "python", "-c", USE, cwd=cwd).checked().split()
    assert action == XDP_PASS
    return Path(used).parent


def test_wheel_works_away_from_the_source_tree(installed: Path, tmp_path: Path) -> None:
    assert use(installed, tmp_path).is_relative_to(installed.parent)


def test_installed_xdplb_brings_its_types(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "user.py").write_text(
        "from xdplb.bpf import BpfObject\nreveal_type(BpfObject.open)\n"
    )
    mypy = (sys.executable, "-m", "mypy", "--python-executable", installed / "python")
    said = run(*mypy, "user.py", cwd=tmp_path).checked()
    assert "OpenedObject" in said


def test_pip_install_of_the_source_tree_works(tree: Path, tmp_path: Path) -> None:
    commands = venv(tmp_path / "venv")
    pip_install(commands, ".", cwd=tree)
    assert use(commands, tmp_path).is_relative_to(tmp_path / "venv")


def test_editable_install_uses_the_source_tree(tree: Path, tmp_path: Path) -> None:
    commands = venv(tmp_path / "venv")
    pip_install(commands, "--editable", ".", cwd=tree)
    assert use(commands, tmp_path) == tree / "xdplb"
    assert not (tree / "xdplb/lab/topologies").exists()


def test_object_of_the_wheel_is_that_of_a_build_elsewhere(built: Built, tmp_path: Path) -> None:
    objects = []
    for place in ("here", "some/where/else"):
        tree = copy_tree(tmp_path / place)
        run(sys.executable, "xdplb/_object_build.py", cwd=tree).checked()
        objects.append((tree / "xdplb/xdp_lb.bpf.o").read_bytes())
    with ZipFile(built.wheel) as archive:
        objects.append(archive.read("xdplb/xdp_lb.bpf.o"))
    assert objects[0] == objects[1] == objects[2]
