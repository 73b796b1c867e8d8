# SPDX-License-Identifier: BSD-2-Clause
"""Compiles the BPF object and the cffi extensions; all else is in pyproject.toml."""

import os
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

from setuptools import Command, setup
from setuptools.command.build import build

ROOT = Path(__file__).parent
SOURCE = "bpf/xdp_lb.bpf.c"
OBJECT = "xdplb/xdp_lb.bpf.o"


def clang_command(output: Path) -> list[str]:
    """Return the call that compiles the object; the same bytes wherever the tree lies."""
    return [
        os.environ.get("CLANG", "clang"),
        *["-target", "bpf", "-mcpu=v3", "-O2", "-g", "-Wall", "-Wextra", "-Werror"],
        f"-ffile-prefix-map={ROOT}=.",
        "-c",
        SOURCE,
        "-o",
        str(output),
    ]


def compile_object(output: Path) -> None:
    """Compile bpf/xdp_lb.bpf.c to *output*.

    :raises SystemExit: if clang or libbpf's headers are missing, naming the package
    """
    command = clang_command(output.absolute())
    output.parent.mkdir(parents=True, exist_ok=True)
    try:
        subprocess.run(command, cwd=ROOT, check=True)
    except FileNotFoundError:
        sys.exit(f"xdplb: {command[0]}: no such compiler; install it: apt-get install clang")
    except subprocess.CalledProcessError:
        sys.exit(f"xdplb: {SOURCE}: does not compile; the compiler's words are above")


class BuildBpf(Command):
    """The step of ``build`` that runs clang; in place for an editable install."""

    description = "compile the BPF object with clang"
    user_options: ClassVar[list[tuple[str, str | None, str]]] = [
        ("build-lib=", None, "where the package is built")
    ]
    editable_mode = False

    def initialize_options(self) -> None:
        self.build_lib = ""

    def finalize_options(self) -> None:
        self.set_undefined_options("build", ("build_lib", "build_lib"))

    def run(self) -> None:
        compile_object(ROOT / OBJECT if self.editable_mode else Path(self.build_lib) / OBJECT)

    def get_source_files(self) -> list[str]:
        return [SOURCE, *sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("bpf/*.h"))]

    def get_outputs(self) -> list[str]:
        return [str(Path(self.build_lib) / OBJECT)]

    def get_output_mapping(self) -> dict[str, str]:
        return {}


class Build(build):
    """``build`` with the BPF object as its first step: it fails soonest."""

    sub_commands: ClassVar = [("build_bpf", None), *build.sub_commands]


if __name__ == "__main__":
    setup(
        cmdclass={"build": Build, "build_bpf": BuildBpf},
        cffi_modules=[
            "xdplb/_libbpf_build.py:ffibuilder",
            "xdplb/_abi_build.py:ffibuilder",
        ],
        options={"bdist_wheel": {"py_limited_api": "cp311"}},
    )
