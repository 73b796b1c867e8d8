# SPDX-License-Identifier: BSD-2-Clause
"""The BPF object loads on every kernel from 5.10, not only on the one it was compiled on."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from package.portable import Instruction, instructions_of, ties_of
from package.stand import PROJECT, run

OBJECT = PROJECT / "xdplb/xdp_lb.bpf.o"
KERNEL_TYPES = "/sys/kernel/btf"

PRELUDE = """
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
long shared;
char _license[] SEC("license") = "GPL";
"""
PROGRAM = 'SEC("xdp") int program(struct xdp_md *ctx) {{ {} }}'

TIED = {
    "CO-RE relocations": (
        "struct task_struct {int pid;} __attribute__((preserve_access_index));"
        + PROGRAM.format(
            "struct task_struct *task = (void *)bpf_get_current_task();"
            "return BPF_CORE_READ(task, pid);"
        )
    ),
    "extern LINUX_KERNEL_VERSION": (
        "extern int LINUX_KERNEL_VERSION __kconfig;"
        + PROGRAM.format("return LINUX_KERNEL_VERSION > 5;")
    ),
    "extern bpf_prog_active": (
        "extern const int bpf_prog_active __ksym;" + PROGRAM.format("return bpf_prog_active;")
    ),
    "extern bpf_xdp_metadata_rx_hash": (
        "extern int bpf_xdp_metadata_rx_hash(void *ctx) __ksym;"
        + PROGRAM.format("return bpf_xdp_metadata_rx_hash(ctx);")
    ),
    "atomic operation 0x1": PROGRAM.format("return __sync_fetch_and_add(&shared, 1);"),
    "helper 211": PROGRAM.format("return ((long (*)(void))211)();"),
}


@pytest.fixture
def compiled(tmp_path: Path) -> Callable[[str], Path]:
    """Give out a function that compiles a program as ours is compiled."""

    def compile_source(source: str) -> Path:
        (tmp_path / "tied.bpf.c").write_text(PRELUDE + source)
        flags = f"-target bpf -mcpu=v3 -O2 -g -I{PROJECT}/bpf".split()
        run("clang", *flags, "-c", "tied.bpf.c", "-o", "tied.o", cwd=tmp_path).checked()
        return tmp_path / "tied.o"

    return compile_source


def test_object_is_tied_to_no_kernel() -> None:
    assert ties_of(OBJECT) == []


@pytest.mark.parametrize("tie", TIED)
def test_tie_to_a_kernel_would_be_found(tie: str, compiled: Callable[[str], Path]) -> None:
    assert any(tie in word for word in ties_of(compiled(TIED[tie])))


def test_free_program_is_called_free(compiled: Callable[[str], Path]) -> None:
    free = PROGRAM.format("__sync_fetch_and_add(&shared, 1); return bpf_get_smp_processor_id();")
    assert ties_of(compiled(free)) == []


def test_instructions_are_read_one_by_one() -> None:
    load_64_bits_and_exit = bytes.fromhex("1801000078563412 0000000000000000 9500000000000000")
    assert list(instructions_of(load_64_bits_and_exit)) == [
        Instruction(0x18, 1, 0, 0x12345678),
        Instruction(0x95, 0, 0, 0),
    ]


def test_loading_never_looks_at_the_types_of_the_kernel(tmp_path: Path) -> None:
    code = f"from xdplb.bpf import BpfObject\nwith BpfObject.open({str(OBJECT)!r}) as opened:\n"
    code += "    opened.load().close()"
    trace = tmp_path / "trace"
    strace = ("strace", "-f", "-e", "trace=open,openat,bpf", "-o", trace)
    environment = {"PYTHONPATH": str(PROJECT)}
    run(*strace, sys.executable, "-c", code, cwd=tmp_path, environment=environment).checked()
    seen = trace.read_text()
    assert str(OBJECT) in seen
    assert "BPF_PROG_LOAD" in seen
    assert KERNEL_TYPES not in seen
