# SPDX-License-Identifier: BSD-2-Clause
"""Compiles the BPF object and the cffi extensions; all else is in pyproject.toml."""

import shutil
import sys
from pathlib import Path
from typing import ClassVar

from setuptools import Command, setup
from setuptools.command.build import build

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT))  # build front ends leave it out

from xdplb._libbpf_build import check_toolchain  # noqa: E402
from xdplb._object_build import OBJECT, check_clang, compile_object  # noqa: E402

TOPOLOGIES = "xdplb/lab/topologies"  # where a wheel has what stands in topology/


class BuildStep(Command):
    """A step of ``build`` beside setuptools' own."""

    user_options: ClassVar[list[tuple[str, str | None, str]]] = [
        ("build-lib=", None, "where the package is built")
    ]
    editable_mode = False
    build_lib: str

    def initialize_options(self) -> None:
        # None, and nothing else, has finalize_options() fill it in.
        self.build_lib = None  # type: ignore[assignment]

    def finalize_options(self) -> None:
        self.set_undefined_options("build", ("build_lib", "build_lib"))

    def get_source_files(self) -> list[str]:
        return []

    def get_outputs(self) -> list[str]:
        return []

    def get_output_mapping(self) -> dict[str, str]:
        return {}


class BuildBpf(BuildStep):
    """Compile the BPF object; first of all look whether everything to compile with is there."""

    description = "compile the BPF object with clang"

    def run(self) -> None:
        check_clang()
        check_toolchain()
        (output,) = map(Path, self.get_outputs())
        compile_object(output)
        if self.editable_mode:
            shutil.copyfile(output, ROOT / OBJECT)

    def get_source_files(self) -> list[str]:
        return sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("bpf/*.[ch]"))

    def get_outputs(self) -> list[str]:
        return [str(Path(self.build_lib) / OBJECT)]


class BuildTopologies(BuildStep):
    """Put the lab's topologies into the package; a source tree is read where it stands."""

    description = "copy the lab's topologies"

    def run(self) -> None:
        if not self.editable_mode:
            for output, source in self.get_output_mapping().items():
                Path(output).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, output)

    def get_source_files(self) -> list[str]:
        return sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("topology/*.yaml"))

    def get_outputs(self) -> list[str]:
        return [] if self.editable_mode else list(self.get_output_mapping())

    def get_output_mapping(self) -> dict[str, str]:
        folder = Path(self.build_lib) / TOPOLOGIES
        return {str(folder / Path(source).name): source for source in self.get_source_files()}


class Build(build):
    """``build`` with our steps before the extensions: what is missing is told soonest."""

    sub_commands: ClassVar = [
        ("build_bpf", None),
        ("build_topologies", None),
        *build.sub_commands,
    ]


if __name__ == "__main__":
    setup(
        cmdclass={
            "build": Build,
            "build_bpf": BuildBpf,
            "build_topologies": BuildTopologies,
        },
        cffi_modules=[
            "xdplb/_libbpf_build.py:ffibuilder",
            "xdplb/_abi_build.py:ffibuilder",
        ],
        options={"bdist_wheel": {"py_limited_api": "cp311"}},
    )
