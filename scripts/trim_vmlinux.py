# SPDX-License-Identifier: BSD-2-Clause
"""Writes bpf/vmlinux.h: the kernel types the BPF program uses, and no others.

The whole dump of a kernel is 2.8 MB. libbpf's btf_dump prints one type with all it
needs, so the roots below are enough. Only ABI types are among them: no CO-RE
attribute is set, since a relocation would cost 16 ms of every load and need the
kernel's BTF at run time.

Usage: trim_vmlinux.py [--btf FILE] > bpf/vmlinux.h
"""

import argparse
import ctypes
import os
import sys
from typing import Any

NUMBERS = ["__u8", "__u16", "__s32", "__u32", "__s64", "__u64"]
TYPEDEFS = [*NUMBERS, "__be16", "__be32", "__sum16", "__wsum"]
NETWORK = ["ethhdr", "vlan_hdr", "iphdr", "ipv6hdr", "tcphdr", "udphdr", "icmphdr"]
STRUCTS = [*NETWORK, "xdp_md", "bpf_fib_lookup", "bpf_sock_tuple", "bpf_sock"]
ENUMS = ["xdp_action", "bpf_map_type"]
# Anonymous enums are found by one of their values.
FLAGS = ["BPF_ANY", "BPF_F_MMAPABLE", "BPF_F_CURRENT_NETNS", "BPF_FIB_LOOKUP_OUTPUT"]
ENUMERATORS = [*FLAGS, "IPPROTO_TCP"]

KIND_STRUCT, KIND_ENUM, KIND_TYPEDEF = 4, 6, 8
PRINTER = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)

libbpf = ctypes.CDLL("libbpf.so.1", use_errno=True)
libc = ctypes.CDLL(None)


class BtfType(ctypes.Structure):
    """``struct btf_type`` of linux/btf.h, without what follows it."""

    _fields_ = (
        ("name_off", ctypes.c_uint32),
        ("info", ctypes.c_uint32),
        ("size", ctypes.c_uint32),
    )

    @property
    def kind(self) -> int:
        return int(self.info) >> 24 & 0x1F

    @property
    def length(self) -> int:
        return int(self.info) & 0xFFFF


class Enumerator(ctypes.Structure):
    """``struct btf_enum``."""

    _fields_ = (("name_off", ctypes.c_uint32), ("value", ctypes.c_int32))


def declare(name: str, result: Any, *arguments: Any) -> Any:
    """Return libbpf's function *name* with its prototype set."""
    function = libbpf[name]
    function.restype, function.argtypes = result, arguments
    return function


open_btf = declare("btf__parse", ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)
find = declare(
    "btf__find_by_name_kind", ctypes.c_int32, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_uint32
)
count = declare("btf__type_cnt", ctypes.c_uint32, ctypes.c_void_p)
type_by_id = declare("btf__type_by_id", ctypes.POINTER(BtfType), ctypes.c_void_p, ctypes.c_uint32)
name_at = declare("btf__name_by_offset", ctypes.c_char_p, ctypes.c_void_p, ctypes.c_uint32)
new_dump = declare(
    "btf_dump__new", ctypes.c_void_p, ctypes.c_void_p, PRINTER, ctypes.c_void_p, ctypes.c_void_p
)
dump_type = declare("btf_dump__dump_type", ctypes.c_int, ctypes.c_void_p, ctypes.c_uint32)
libc.vsnprintf.argtypes = (ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_void_p)


def print_piece(_context: int, text: bytes, arguments: int) -> None:
    buffer = ctypes.create_string_buffer(1 << 16)
    libc.vsnprintf(buffer, len(buffer), text, arguments)
    sys.stdout.write(buffer.value.decode())


def named_roots(btf: int) -> list[int]:
    """Return the ids of the types that have a name."""
    wanted = [
        *((name, KIND_TYPEDEF) for name in TYPEDEFS),
        *((name, KIND_STRUCT) for name in STRUCTS),
        *((name, KIND_ENUM) for name in ENUMS),
    ]
    found = {name: find(btf, name.encode(), kind) for name, kind in wanted}
    if missing := [name for name, number in found.items() if number < 0]:
        sys.exit(f"vmlinux: this BTF has no type {', '.join(missing)}; take another's: --btf FILE")
    return list(found.values())


def enumerators_of(btf: int, number: int) -> list[str]:
    """Return the names of the values of type *number* if it is an anonymous enum."""
    kind = type_by_id(btf, number).contents
    if kind.kind != KIND_ENUM or name_at(btf, kind.name_off):
        return []
    start = ctypes.addressof(kind) + ctypes.sizeof(BtfType)
    values = (Enumerator * kind.length).from_address(start)
    return [name_at(btf, value.name_off).decode() for value in values]


def anonymous_roots(btf: int) -> list[int]:
    """Return the ids of the anonymous enums that hold one of ENUMERATORS, each once."""
    roots: dict[str, int] = {}
    for number in range(1, count(btf)):
        for name in enumerators_of(btf, number):
            if name in ENUMERATORS:
                roots.setdefault(name, number)
    return sorted(set(roots.values()))


def main() -> None:
    parser = argparse.ArgumentParser(description="print the kernel types that xdplb uses")
    parser.add_argument("--btf", default="/sys/kernel/btf/vmlinux", help="the kernel's BTF")
    path = parser.parse_args().btf
    btf = open_btf(os.fsencode(path), None)
    if not btf:
        sys.exit(f"vmlinux: {path}: {os.strerror(ctypes.get_errno())}; name a BTF file: --btf FILE")
    print("// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)")
    print("/* The kernel types in use, from kernel BTF. Written by `make vmlinux`: do not edit. */")
    print("#ifndef __VMLINUX_H__\n#define __VMLINUX_H__\n")
    sys.stdout.flush()
    printer = PRINTER(print_piece)  # kept: libbpf calls it as long as it dumps
    dump = new_dump(btf, printer, None, None)
    for root in [*named_roots(btf), *anonymous_roots(btf)]:
        if error := dump_type(dump, root):
            sys.exit(f"vmlinux: type {root} cannot be printed: {os.strerror(-error)}")
    print("#endif /* __VMLINUX_H__ */")


if __name__ == "__main__":
    main()
