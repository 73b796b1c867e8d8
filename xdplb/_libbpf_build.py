# SPDX-License-Identifier: BSD-2-Clause
"""Build script of the extension ``xdplb._libbpf``: libbpf and a little C, through cffi (API mode).

setuptools runs it (``cffi_modules=["xdplb/_libbpf_build.py:ffibuilder"]``); by itself it builds in
place: ``python xdplb/_libbpf_build.py`` in the folder that holds ``xdplb/``.
"""

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from cffi import FFI

SHIM = "xdplb/_libbpf_shim"  # relative to the project, as setuptools wants its sources
SHIM_FOLDER = Path(__file__).resolve().parent / "_libbpf_shim"
HEADERS = ("shim_deps.h", "shim.h", "netns.h")

# gcc 12 only warns about a function without a prototype and then cuts its pointer to an int.
COMPILE_FLAGS = [
    "-std=gnu11",
    "-O2",
    "-Wall",
    "-Wextra",
    "-Wno-unused-parameter",
    "-Wno-missing-field-initializers",
    "-Werror=implicit-function-declaration",
    "-Werror=int-conversion",
]

# What to include, what to say where that fails, and the Debian package that has it.
NEEDED = (
    ("#include <stdlib.h>", "the C library's headers are missing", "libc6-dev"),
    ("#include <Python.h>", "Python.h is missing", "python3-dev"),
    ("#include <linux/bpf.h>", "linux/bpf.h is missing", "linux-libc-dev"),
    ("#include <bpf/libbpf.h>", "bpf/libbpf.h is missing", "libbpf-dev"),
    (
        "#include <bpf/libbpf.h>\n#if LIBBPF_MAJOR_VERSION < 1 || "
        "(LIBBPF_MAJOR_VERSION == 1 && LIBBPF_MINOR_VERSION < 1)\n#error old\n#endif",
        "libbpf is older than 1.1",
        "libbpf-dev",
    ),
)


def check_toolchain() -> None:
    """Check, in a few hundredths of a second, that the extension can be compiled here.

    :raises SystemExit: with one line that names what is missing and its Debian package
    """
    compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "gcc")
    if not shutil.which(compiler[0]):
        _refuse(f"no C compiler ({compiler[0]})", "gcc")
    include = sysconfig.get_path("include")
    command = [*compiler, "-E", "-x", "c", f"-I{include}", "-o", os.devnull, "-"]
    everything = "\n".join(source for source, _, _ in NEEDED)
    if _preprocesses(command, everything):
        return
    for source, complaint, package in NEEDED:
        if not _preprocesses(command, source):
            _refuse(complaint, package)


def _preprocesses(command: list[str], source: str) -> bool:
    run = subprocess.run(command, input=source, text=True, capture_output=True, check=False)
    return run.returncode == 0


def _refuse(complaint: str, package: str) -> None:
    sys.exit(f"xdplb: {complaint}; install it with: apt install {package}")


def make_builder() -> FFI:
    """Return the cffi builder; the extension is named ``xdplb._libbpf`` and is abi3."""
    builder = FFI()
    declarations = (SHIM_FOLDER / "libbpf.cdef").read_text()
    builder.cdef(declarations + (SHIM_FOLDER / "shim.h").read_text())
    builder.set_source(
        "xdplb._libbpf",
        '#include "shim_deps.h"\n#include <linux/if_link.h>\n#include "shim.h"\n',
        sources=sorted(f"{SHIM}/{path.name}" for path in SHIM_FOLDER.glob("*.c")),
        depends=[f"{SHIM}/{header}" for header in (*HEADERS, "libbpf.cdef")],
        include_dirs=[SHIM],
        libraries=["bpf"],
        extra_compile_args=COMPILE_FLAGS,
        py_limited_api=True,
    )
    return builder


ffibuilder = make_builder()

if __name__ == "__main__":
    check_toolchain()
    ffibuilder.compile(tmpdir=str(SHIM_FOLDER.parent.parent))
