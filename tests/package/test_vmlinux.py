# SPDX-License-Identifier: BSD-2-Clause
"""bpf/vmlinux.h: the kernel's types, those in use and no others."""

import re
from pathlib import Path

import pytest
from package.stand import PROJECT, run

KERNEL_TYPES = Path("/sys/kernel/btf/vmlinux")
LIBBPF = [Path("/usr/include/bpf") / name for name in ("bpf_helper_defs.h", "bpf_helpers.h")]

Declarations = dict[str, str]


def declarations(header: str) -> Declarations:
    """Return the types and enumerators that *header* declares, with what it says of each."""
    found: Declarations = {}
    for block in re.split(r"\n\n", header):
        text = " ".join(block.split())
        if text.startswith("enum"):
            found |= dict(re.findall(r"(\w+) = (-?\w+)", text))
        elif named := re.match(r"struct (\w+) {.*};$|typedef .*?(\w+);$", text):
            found[named[1] or named[2]] = text
    return found


@pytest.fixture(scope="module")
def committed() -> str:
    return (PROJECT / "bpf/vmlinux.h").read_text()


@pytest.mark.skipif(not KERNEL_TYPES.exists(), reason="this kernel has no BTF of its own")
def test_make_vmlinux_writes_the_declarations_that_are_there(tree: Path, committed: str) -> None:
    (tree / "bpf/vmlinux.h").unlink()
    run("make", "vmlinux", cwd=tree).checked()
    written = declarations((tree / "bpf/vmlinux.h").read_text())
    there = declarations(committed)
    # Kernels differ in how far their append-only enums go, so what both have is compared.
    shared = written.keys() & there.keys()
    assert {name: written[name] for name in shared} == {name: there[name] for name in shared}
    assert {name for name in written.keys() ^ there.keys() if not name.isupper()} == set()
    assert {"XDP_TX", "BPF_MAP_TYPE_LRU_HASH", "tcphdr", "__be32"} <= shared


def test_each_type_is_in_use(committed: str) -> None:
    sources = [path for path in PROJECT.glob("bpf/*.[ch]") if path.name != "vmlinux.h"]
    used = set(re.findall(r"\w+", " ".join(path.read_text() for path in [*sources, *LIBBPF])))
    types = {name for name in declarations(committed) if not name.isupper()}
    assert {"iphdr", "xdp_md", "__u32"} <= types
    assert types - used == set()


def test_each_enum_is_in_use(committed: str) -> None:
    sources = [path for path in PROJECT.glob("bpf/*.[ch]") if path.name != "vmlinux.h"]
    used = set(re.findall(r"\w+", " ".join(path.read_text() for path in sources)))
    enums = re.findall(r"^enum .*?{(.*?)^};", committed, re.MULTILINE | re.DOTALL)
    assert enums
    assert [body for body in enums if not used & set(re.findall(r"\w+", body))] == []


def test_file_without_types_is_refused_in_one_line() -> None:
    answer = run("python3", "scripts/trim_vmlinux.py", "--btf", "/dev/null", cwd=PROJECT)
    assert answer.code == 1
    assert answer.output.startswith("vmlinux: /dev/null: ")
    assert answer.output.endswith("; name a BTF file: --btf FILE\n")
    assert answer.output.count("\n") == 1
