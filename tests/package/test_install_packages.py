# SPDX-License-Identifier: BSD-2-Clause
"""scripts/install-packages, on machines that commands of our own pretend."""

import re
from pathlib import Path

import pytest
from package.stand import PROJECT, Answer, only, run

SCRIPT = PROJECT / "scripts/install-packages"
INSTALLED = "echo install ok installed"
ALL_BUT_CLANG = f'case "$*" in *" clang") exit 1 ;; *) {INSTALLED} ;; esac'
WRITE_DOWN = 'echo "$@" >> calls'


class Machine:
    """A machine on which a few commands do what they are told to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = only(folder / "bin", "sh", "grep", "env")
        self.pretend("id", "echo 0")
        self.pretend("apt-get", WRITE_DOWN)

    def pretend(self, command: str, script: str) -> None:
        """Have *command* run the shell's *script*."""
        file = self.folder / "bin" / command
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)

    def install(self, *options: str) -> Answer:
        """Run the script there."""
        return run(SCRIPT, *options, cwd=self.folder, environment=self.path)

    @property
    def calls(self) -> list[str]:
        """What apt-get was asked for."""
        file = self.folder / "calls"
        return file.read_text().splitlines() if file.exists() else []


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_nothing_is_asked_for_where_all_is_there(machine: Machine) -> None:
    machine.pretend("dpkg-query", INSTALLED)
    machine.pretend("id", "echo 1000")
    assert machine.install("--for-tests").checked() == ""
    assert machine.calls == []


def test_only_what_is_missing_is_installed(machine: Machine) -> None:
    machine.pretend("dpkg-query", ALL_BUT_CLANG)
    assert machine.install().checked() == "installing: clang\n"
    update, install = machine.calls
    assert update.startswith("update")
    assert install == "install -y -qq --no-install-recommends clang"


def test_packages_of_the_tests_are_for_the_tests(machine: Machine) -> None:
    machine.pretend("dpkg-query", "exit 1")
    assert "strace" not in machine.install().checked()
    assert "strace" in machine.install("--for-tests").checked()


def test_without_root_and_sudo_the_command_is_named(machine: Machine) -> None:
    machine.pretend("dpkg-query", ALL_BUT_CLANG)
    machine.pretend("id", "echo 1000")
    answer = machine.install()
    assert answer.code == 1
    assert answer.output == (
        "install-packages: neither root nor sudo; as root: apt-get install clang\n"
    )


def test_another_distribution_is_told_and_goes_on(machine: Machine) -> None:
    (machine.folder / "bin/apt-get").unlink()
    said = machine.install().checked()
    assert "libbpf-dev" in said
    assert "no apt-get" in said


def test_readme_names_what_a_build_needs(machine: Machine) -> None:
    (line,) = re.findall(r"^apt-get install (.*)$", (PROJECT / "README.md").read_text(), re.M)
    machine.pretend("dpkg-query", "exit 1")
    installed = machine.install().checked().split()
    assert {"clang", "gcc", "libbpf-dev", "python3-dev"} <= set(line.split()) <= set(installed)
