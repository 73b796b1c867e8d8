# SPDX-License-Identifier: BSD-2-Clause
"""What the tests of the package stand on: copies of the source tree, commands, hidden files."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
PYTHON_HEADERS = Path(sysconfig.get_path("include"))
TIMEOUT_S = 120
SDIST_LIST = "xdplb.egg-info/SOURCES.txt"

# What an environment of pytest's own would lend to what is tested.
FOREIGN = ("PYTHONPATH", "VIRTUAL_ENV", "CC", "CFLAGS", "CLANG", "MAKEFLAGS", "MAKELEVEL", "MFLAGS")


@dataclass(frozen=True)
class Answer:
    """What a command printed, both streams in one, and how it ended."""

    code: int
    output: str

    def checked(self) -> str:
        """Return what it printed, after making sure that it ended well."""
        assert self.code == 0, self.output
        return self.output


def run(*command: str | Path, cwd: Path, environment: Mapping[str, str] | None = None) -> Answer:
    """Run *command*, with *environment* beside what there is."""
    kept = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env={**kept, **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
    )
    return Answer(done.returncode, done.stdout)


def copy_tree(target: Path) -> Path:
    """Copy what belongs to the source tree, without anything built, and return *target*."""
    for path in source_files(PROJECT):
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(PROJECT / path, target / path)
    return target


def source_files(tree: Path) -> list[str]:
    """Return the files of *tree*, relative to it: what git knows or would take, or the sdist has.

    :raises OSError: if it is neither a git checkout nor an unpacked sdist
    """
    if (tree / ".git").exists():
        listing = ("git", "ls-files", "--cached", "--others", "--exclude-standard")
        listed = run(*listing, cwd=tree, environment={"GIT_CONFIG_COUNT": "1", **TRUST}).checked()
    else:
        listed = (tree / SDIST_LIST).read_text()
    files = (name for name in set(listed.splitlines()) if (tree / name).is_file())
    return sorted(name for name in files if not name.startswith("xdplb.egg-info/"))


# Under sudo the checkout belongs to somebody else, which git refuses unless it is told.
TRUST = {"GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*"}


def venv(folder: Path) -> Path:
    """Make an empty virtual environment and return its folder of commands."""
    make = (sys.executable, "-m", "venv", "--without-pip", folder)
    run(*make, cwd=folder.parent).checked()
    return folder / "bin"


def pip_install(commands: Path, *what: str | Path, cwd: Path) -> None:
    """Install *what* into the virtual environment that has *commands*, with the pip of ours."""
    pip = (sys.executable, "-m", "pip", "--python", commands / "python")
    run(*pip, "install", *what, cwd=cwd).checked()


def hiding(path: Path, *, behind: Path | None = None) -> Sequence[str]:
    """Return the beginning of a command that does not find *path*, or the file *behind* there.

    Only that command's own mount namespace is changed.
    """
    cover = (
        ["mount", "-t", "tmpfs", "tmpfs"] if behind is None else ["mount", "--bind", str(behind)]
    )
    return (
        *("unshare", "--mount", "--propagation", "private", "sh", "-euc"),
        f'{" ".join(cover)} {path}; exec "$@"',
        "sh",
    )


def only(folder: Path, *commands: str) -> dict[str, str]:
    """Return an environment where *commands* alone are found, linked into *folder*."""
    folder.mkdir()
    for command in commands:
        found = shutil.which(command)
        assert found, f"{command}: is not installed"
        (folder / command).symlink_to(found)
    return {"PATH": str(folder)}
