# SPDX-License-Identifier: BSD-2-Clause
"""Build script of the BPF object: one call of clang, the same bytes wherever the tree lies.

setuptools runs it through setup.py; by itself it builds in place, with clang's further options
behind it: ``python xdplb/_object_build.py [OUTPUT [OPTION...]]``.
"""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = "bpf/xdp_lb.bpf.c"  # relative, since it stands in the debug information
OBJECT = "xdplb/xdp_lb.bpf.o"


def clang_command(output: Path, *options: str) -> list[str]:
    """Return the call, to be made in the project's folder, that compiles the object to *output*."""
    return [
        *_clang(),
        # v3 of the instruction set, since Linux 5.10 knows no later one.
        *["-target", "bpf", "-mcpu=v3", "-O2", "-g", "-Wall", "-Wextra"],
        f"-ffile-prefix-map={ROOT}=.",
        *options,
        *["-c", SOURCE, "-o", str(output)],
    ]


def check_clang() -> None:
    """Check that there is a clang; ``CLANG`` in the environment names another one.

    :raises SystemExit: with one line that names the Debian package
    """
    command = _clang()[0]
    if not shutil.which(command):
        sys.exit(f"xdplb: no BPF compiler ({command}); install it with: apt install clang")


def compile_object(output: Path, *options: str) -> None:
    """Compile the program to *output*.

    :raises SystemExit: if it does not compile; clang has said why
    """
    output.parent.mkdir(parents=True, exist_ok=True)
    command = clang_command(output.absolute(), *options)
    if subprocess.run(command, cwd=ROOT, check=False).returncode != 0:
        sys.exit(f"xdplb: {SOURCE}: does not compile; clang's words are above")


def _clang() -> list[str]:
    return shlex.split(os.environ.get("CLANG") or "clang")


if __name__ == "__main__":
    check_clang()
    compile_object(Path(sys.argv[1] if sys.argv[1:] else ROOT / OBJECT), *sys.argv[2:])
