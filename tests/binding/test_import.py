# SPDX-License-Identifier: BSD-2-Clause
"""What importing the package costs and what it may touch."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import _cffi_backend
from binding.stand import PROJECT, run_python

from xdplb._libbpf import lib

PACKAGE = PROJECT / "xdplb" / "bpf"
SHIM = PROJECT / "xdplb" / "_libbpf_shim"

SLOW = {
    *("asyncio", "contextlib", "ctypes", "dataclasses", "difflib", "inspect", "ipaddress"),
    *("logging", "re", "socket", "subprocess", "threading", "typing"),
    *("cffi", "numpy", "pyroute2", "rich", "typer", "yaml"),
}


def _modules_after_import() -> set[str]:
    # Without site (-S): an editable install's finder has imported half the library by itself.
    path = os.pathsep.join([str(PROJECT), str(Path(_cffi_backend.__file__).parent)])
    code = "import sys; old = set(sys.modules); import xdplb.bpf; print(*set(sys.modules) - old)"
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        check=True,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": path},
    )
    return set(done.stdout.split())


def test_import_brings_in_no_slow_module() -> None:
    assert not _modules_after_import() & SLOW


def test_import_needs_nothing_beyond_the_standard_library_but_cffis_backend() -> None:
    done = run_python("import sys; print(*sys.stdlib_module_names)")
    standard = set(done.stdout.split())
    roots = {name.partition(".")[0] for name in _modules_after_import()}
    assert roots - standard == {"xdplb", "_cffi_backend"}


def test_package_imports_nothing_else_of_xdplb() -> None:
    imported = set()
    for path in PACKAGE.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                imported.add(node.module or "")
            elif isinstance(node, ast.Import):
                imported.update(alias.name for alias in node.names)
    ours = {name for name in imported if name.startswith("xdplb")}
    assert {name for name in ours if not name.startswith("xdplb.bpf")} == {"xdplb._libbpf"}


def test_import_says_nothing() -> None:
    done = run_python("import xdplb.bpf")
    assert (done.stdout, done.stderr) == ("", "")


def test_nobody_else_calls_into_the_extension() -> None:
    others = [path for path in (PROJECT / "xdplb").rglob("*.py") if PACKAGE not in path.parents]
    users = [
        path.name
        for path in others
        if re.search(r"_libbpf import|import xdplb\._libbpf\b", path.read_text())
    ]
    assert users == []


def test_every_declared_function_and_constant_is_in_the_built_extension() -> None:
    text = (SHIM / "libbpf.cdef").read_text() + (SHIM / "shim.h").read_text()
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    names = set(re.findall(r"\b((?:bpf_|btf_|libbpf_|shim_)\w+)\(", text))
    names |= set(re.findall(r"^#define (\w+)", text, re.MULTILINE))
    assert len(names) > 100
    assert [name for name in names if not hasattr(lib, name)] == []


def test_type_stub_names_what_the_extension_has() -> None:
    stub = ast.parse((PROJECT / "xdplb" / "_libbpf.pyi").read_text())
    (class_,) = [n for n in stub.body if isinstance(n, ast.ClassDef) and n.name == "_Lib"]
    stubbed = {node.name for node in class_.body if isinstance(node, ast.FunctionDef)}
    stubbed |= {
        node.target.id
        for node in class_.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }
    assert stubbed == set(dir(lib))
