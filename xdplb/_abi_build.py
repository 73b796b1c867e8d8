# SPDX-License-Identifier: BSD-2-Clause
"""Builds ``xdplb._abi``: the C structs of bpf/abi.h as cffi types.

The header that clang compiles into the BPF object is the one read here, and the C
compiler checks the sizes and offsets that cffi derives from it.
"""

from pathlib import Path

import cffi

HEADER = Path(__file__).parent.parent / "bpf" / "abi.h"

TYPES = """
typedef uint8_t __u8;
typedef uint16_t __u16;
typedef uint32_t __u32;
typedef uint64_t __u64;
typedef uint16_t __be16;
typedef uint32_t __be32;
"""

ffibuilder = cffi.FFI()
ffibuilder.cdef(TYPES + HEADER.read_text())
ffibuilder.set_source(
    "xdplb._abi",
    "#include <linux/types.h>\n" + HEADER.read_text(),
    depends=["bpf/abi.h"],
    py_limited_api=True,
)
