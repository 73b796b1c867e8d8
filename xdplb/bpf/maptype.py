# SPDX-License-Identifier: BSD-2-Clause
"""The kernel's map types by name."""

from __future__ import annotations

from enum import IntEnum

from xdplb._libbpf import ffi, lib


class MapType(IntEnum):
    """The types this package has something to say about; any other is a plain number."""

    HASH = lib.BPF_MAP_TYPE_HASH
    ARRAY = lib.BPF_MAP_TYPE_ARRAY
    PROG_ARRAY = lib.BPF_MAP_TYPE_PROG_ARRAY
    PERF_EVENT_ARRAY = lib.BPF_MAP_TYPE_PERF_EVENT_ARRAY
    PERCPU_HASH = lib.BPF_MAP_TYPE_PERCPU_HASH
    PERCPU_ARRAY = lib.BPF_MAP_TYPE_PERCPU_ARRAY
    LRU_HASH = lib.BPF_MAP_TYPE_LRU_HASH
    LRU_PERCPU_HASH = lib.BPF_MAP_TYPE_LRU_PERCPU_HASH
    LPM_TRIE = lib.BPF_MAP_TYPE_LPM_TRIE
    ARRAY_OF_MAPS = lib.BPF_MAP_TYPE_ARRAY_OF_MAPS
    HASH_OF_MAPS = lib.BPF_MAP_TYPE_HASH_OF_MAPS
    DEVMAP = lib.BPF_MAP_TYPE_DEVMAP
    CPUMAP = lib.BPF_MAP_TYPE_CPUMAP
    DEVMAP_HASH = lib.BPF_MAP_TYPE_DEVMAP_HASH
    RINGBUF = lib.BPF_MAP_TYPE_RINGBUF

    @staticmethod
    def name_of(number: int) -> str:
        """Return libbpf's word for the type *number*, as ``"lru_hash"``."""
        text = lib.libbpf_bpf_map_type_str(number)
        return ffi.string(text).decode() if text else f"type {number}"

    @classmethod
    def of(cls, number: int) -> MapType | int:
        """Return the member for *number*, or the number where there is none."""
        try:
            return cls(number)
        except ValueError:
            return number
