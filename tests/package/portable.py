# SPDX-License-Identifier: BSD-2-Clause
"""What in a BPF object ties it to one kernel, or keeps it off Linux 5.10.

Read with pyelftools from the file itself, with no word of the compiler's or of libbpf's.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from elftools.elf.elffile import ELFFile

# linux/bpf.h: the lowest three bits of an opcode, and what BPF_JMP, BPF_ALU and BPF_STX make of
# the others.
LDX, STX, ALU, JMP, JMP32, ALU64 = 1, 3, 4, 5, 6, 7
LOAD_64_BITS = 0x18  # the one instruction that takes two places
MODE_SIGN_EXTENDED, MODE_ATOMIC = 0x80, 0xC0
DIVIDE, MODULO, MOVE, SWAP, CALL = 0x30, 0x90, 0xB0, 0xD0, 0x80
CALL_OF_A_HELPER = 0  # in the source register of a call
ADD = 0  # the one atomic operation before 5.12, and that without BPF_FETCH

# bpf_redirect_peer() is the last helper of Linux 5.10. bpf_ktime_get_coarse_ns() (5.11) stands
# behind a constant that loading sets from what the kernel has.
LAST_HELPER, GUARDED_HELPERS = 155, {160}

CORE_RELOCATIONS = struct.Struct("<24xII")  # where in .BTF.ext, and how many bytes


class Instruction(NamedTuple):
    """``struct bpf_insn``."""

    opcode: int
    registers: int
    offset: int
    immediate: int

    @property
    def source(self) -> int:
        """Return the source register; in a call, what is called."""
        return self.registers >> 4


def ties_of(file: Path) -> list[str]:
    """Return what ties the object *file* to some kernels, in words; nothing if it is free."""
    with file.open("rb") as stream:
        elf = ELFFile(stream)
        return [
            *_unresolved(elf),
            *_relocations_to_the_kernel(elf),
            *(word for code in _programs(elf) for one in code if (word := _newness(one))),
        ]


def instructions_of(code: bytes) -> Iterator[Instruction]:
    """Yield the instructions of *code*."""
    places = struct.iter_unpack("<BBhi", code)
    for opcode, registers, offset, immediate in places:
        yield Instruction(opcode, registers, offset, immediate)
        if opcode == LOAD_64_BITS:
            next(places)


def _programs(elf: Any) -> list[Iterator[Instruction]]:
    flag_executable = 4
    sections = (one for one in elf.iter_sections() if one["sh_flags"] & flag_executable)
    return [instructions_of(section.data()) for section in sections]


def _unresolved(elf: Any) -> Iterator[str]:
    """Yield the names that only a kernel could fill in: ``__kconfig`` and ``__ksym`` externs."""
    for symbol in elf.get_section_by_name(".symtab").iter_symbols():
        if symbol.name and symbol["st_shndx"] == "SHN_UNDEF":
            yield f"extern {symbol.name}"


def _relocations_to_the_kernel(elf: Any) -> Iterator[str]:
    """Yield what CO-RE would look up in the BTF of the running kernel."""
    header = elf.get_section_by_name(".BTF.ext").data()
    _offset, length = CORE_RELOCATIONS.unpack_from(header)
    if length:
        yield f"{length} bytes of CO-RE relocations"


def _newness(one: Instruction) -> str | None:
    """Tell what Linux 5.10 does not know about an instruction."""
    group, operation, mode = one.opcode & 7, one.opcode & 0xF0, one.opcode & 0xE0
    known = {*range(LAST_HELPER + 1), *GUARDED_HELPERS}
    newer = {
        f"atomic operation {one.immediate:#x}": (
            group == STX and mode == MODE_ATOMIC and one.immediate != ADD
        ),
        "load with sign extension": group == LDX and mode == MODE_SIGN_EXTENDED,
        "signed division or move": (
            group in (ALU, ALU64) and operation in (DIVIDE, MODULO, MOVE) and one.offset != 0
        ),
        "byte swap without condition": group == ALU64 and operation == SWAP,
        "long jump": group == JMP32 and operation == 0,
        f"helper {one.immediate}": (
            one.opcode == JMP | CALL
            and one.source == CALL_OF_A_HELPER
            and one.immediate not in known
        ),
    }
    return next((what for what, found in newer.items() if found), None)
