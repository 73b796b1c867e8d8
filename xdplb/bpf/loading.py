# SPDX-License-Identifier: BSD-2-Clause
"""Loading an object: whether a map can be reused, and why the kernel refused."""

from __future__ import annotations

from errno import EINVAL

from xdplb.bpf.btf import Btf, Kind
from xdplb.bpf.calls import kernel_error
from xdplb.bpf.errors import KernelError, MapMismatchError
from xdplb.bpf.maptype import MapType
from xdplb.bpf.typehints import TYPE_CHECKING, Any
from xdplb.bpf.verifier import find_program, split_logs, verifier_error

if TYPE_CHECKING:
    from xdplb.bpf.map import Map
    from xdplb.bpf.object import OpenedObject
    from xdplb.bpf.opened import OpenedMap

# include/linux/bpf_verifier.h: 1 the way to a failure, 4 statistics also on success.
VERIFIER_LOG_LEVEL = 1 | 4


def check_reuse(declared: OpenedMap, found: Map[Any, Any]) -> None:
    """Check that *found* can take the place of *declared*.

    :raises MapMismatchError: telling each difference
    """
    differences = shape_differences(declared, found) or layout_differences(declared, found)
    if not differences:
        return
    error = MapMismatchError(
        "reuse", f"{found.subject} as {declared.subject}", EINVAL, "; ".join(differences)
    )
    error.differences = differences
    raise error


def shape_differences(declared: OpenedMap, found: Map[Any, Any]) -> list[str]:
    """Return a sentence for each property of the map as such that differs."""
    info = found.info
    shapes = (
        ("type", MapType.name_of(declared.type), MapType.name_of(info.type)),
        ("key_size", declared.key_size, info.key_size),
        ("value_size", declared.value_size, info.value_size),
        ("max_entries", declared.max_entries, info.max_entries),
        ("flags", f"{declared.flags:#x}", f"{info.flags:#x}"),
        ("extra", declared.extra, info.extra),
    )
    return [
        f"{field} is {there}, the object declares {here}"
        for field, here, there in shapes
        if here != there
    ]


def layout_differences(declared: OpenedMap, found: Map[Any, Any]) -> list[str]:
    """Return a sentence for each member of key or value that lies elsewhere in the other.

    Maps without BTF have none; neither has a caller without CAP_SYS_ADMIN, whom the kernel does
    not show a map's BTF.
    """
    info = found.info
    if not info.btf_id or not declared.value_type:
        return []
    try:
        there = Btf.from_id(info.btf_id)
    except KernelError:
        return []
    here = declared.btf
    differences = []
    for what, our_type, their_type in (
        ("key", declared.key_type, info.key_type_id),
        ("value", declared.value_type, info.value_type_id),
    ):
        ours, theirs = places(here, our_type, what), places(there, their_type, what)
        for path in {**theirs, **ours}:
            if ours.get(path) != theirs.get(path):
                differences.append(
                    f"{path} is {_place(theirs.get(path))}, "
                    f"the object has it {_place(ours.get(path))}"
                )
    return differences


def places(btf: Btf, number: int, path: str, offset: int = 0) -> dict[str, tuple[int, int]]:
    """Return where each member of a type lies: its path, and offset and size in bytes."""
    found = btf.resolve(number)
    if found.kind != Kind.STRUCT:
        return {path: (offset, btf.size_of(number))}
    inside: dict[str, tuple[int, int]] = {}
    for member in btf.members(found):
        name = f"{path}.{member.name}" if member.name else path
        inside.update(places(btf, member.type, name, offset + member.bit_offset // 8))
    return inside


def _place(place: tuple[int, int] | None) -> str:
    return "missing" if place is None else f"{place[1]} bytes at {place[0]}"


def load_error(code: int, opened: OpenedObject, said: str) -> KernelError:
    """Return the exception for an object that libbpf or the kernel refused."""
    logs = split_logs(said)
    program = find_program(said)
    if logs.get(program):
        files = opened.btf.source_files()
        subject = f"program {program!r} of {opened.subject}"
        return verifier_error(code, program, logs[program], files=files, subject=subject)
    return kernel_error(code, "load", opened.subject, said)
