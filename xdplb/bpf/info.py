# SPDX-License-Identifier: BSD-2-Clause
"""What the kernel says about maps, programs and links."""

from __future__ import annotations

from xdplb._libbpf import ffi, lib
from xdplb.bpf.calls import check
from xdplb.bpf.errors import CodecError
from xdplb.bpf.typehints import NamedTuple

_MOST_TYPES = 64


class MapInfo(NamedTuple):
    """What the kernel says about a map; sizes in bytes."""

    type: int
    id: int
    key_size: int
    value_size: int
    max_entries: int
    flags: int
    btf_id: int
    key_type_id: int
    value_type_id: int
    extra: int
    name: str


def read_map_info(fd: int) -> MapInfo:
    """Return what the kernel says about the map behind *fd*.

    :raises KernelError: if it is no map
    """
    raw = ffi.new("struct shim_map_info *")
    check(lib.shim_map_info(fd, raw), "inspect", f"map (fd {fd})")
    return MapInfo(
        raw.type,
        raw.id,
        raw.key_size,
        raw.value_size,
        raw.max_entries,
        raw.flags,
        raw.btf_id,
        raw.btf_key_type_id,
        raw.btf_value_type_id,
        raw.extra,
        ffi.string(raw.name).decode(errors="replace"),
    )


class ProgramInfo(NamedTuple):
    """What the kernel says about a program.

    ``run_count`` and ``run_time_ns`` count only while statistics are on (:class:`RunStatistics`).
    """

    type: int
    id: int
    name: str
    tag: str
    run_count: int
    run_time_ns: int
    recursion_misses: int
    xlated_bytes: int
    jited_bytes: int
    verified_instructions: int
    load_time_ns: int
    uid: int
    btf_id: int
    map_ids: tuple[int, ...]


def read_program_info(fd: int) -> ProgramInfo:
    """Return what the kernel says about the program behind *fd*.

    :raises KernelError: if it is no program
    """
    raw = ffi.new("struct shim_program_info *")
    subject = f"program (fd {fd})"
    check(lib.shim_program_info(fd, raw, ffi.NULL, 0), "inspect", subject)
    maps = ffi.new("uint32_t[]", max(raw.map_count, 1))
    if raw.map_count:
        check(lib.shim_program_info(fd, raw, maps, raw.map_count), "inspect", subject)
    return ProgramInfo(
        raw.type,
        raw.id,
        ffi.string(raw.name).decode(errors="replace"),
        bytes(raw.tag).hex(),
        raw.run_count,
        raw.run_time_ns,
        raw.recursion_misses,
        raw.xlated_bytes,
        raw.jited_bytes,
        raw.verified_instructions,
        raw.load_time_ns,
        raw.uid,
        raw.btf_id,
        tuple(maps[0 : raw.map_count]),
    )


class LinkInfo(NamedTuple):
    """What the kernel says about a link; ``ifindex`` is 0 unless it is XDP's and whole."""

    type: str
    id: int
    program_id: int
    ifindex: int


def read_link_info(fd: int) -> LinkInfo:
    """Return what the kernel says about the link behind *fd*.

    :raises KernelError: if it is no link
    """
    raw = ffi.new("struct shim_link_info *")
    check(lib.shim_link_info(fd, raw), "inspect", f"link (fd {fd})")
    text = lib.libbpf_bpf_link_type_str(raw.type)
    word = ffi.string(text).decode() if text else f"type {raw.type}"
    return LinkInfo(word, raw.id, raw.program_id, raw.ifindex)


def program_type(word: str) -> int:
    """Return the number of a program type by libbpf's word for it.

    :raises CodecError: if libbpf knows no such type
    """
    for number in range(_MOST_TYPES):
        if program_type_name(number) == word:
            return number
    raise CodecError(f"{word!r} is no program type that libbpf knows")


def program_type_name(number: int) -> str:
    """Return libbpf's word for a program type."""
    text = lib.libbpf_bpf_prog_type_str(number)
    return ffi.string(text).decode() if text else f"type {number}"
