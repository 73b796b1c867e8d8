# SPDX-License-Identifier: BSD-2-Clause
"""The package built once for the run, as a release is, and installed where nothing else is."""

import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from package.stand import copy_tree, pip_install, run, venv


class Built(NamedTuple):
    """What `python -m build` made."""

    sdist: Path
    wheel: Path


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the source tree to build in."""
    return copy_tree(tmp_path / "source")


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """An sdist, and the wheel that was built from it, in an environment of its own."""
    tree = copy_tree(tmp_path_factory.mktemp("build") / "xdplb")
    run(sys.executable, "-m", "build", cwd=tree).checked()
    (sdist,) = tree.glob("dist/*.tar.gz")
    (wheel,) = tree.glob("dist/*.whl")
    return Built(sdist, wheel)


@pytest.fixture(scope="session")
def installed(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of commands of a virtual environment with the wheel and what it requires."""
    folder = tmp_path_factory.mktemp("installed")
    commands = venv(folder / "venv")
    pip_install(commands, built.wheel, cwd=folder)
    return commands
