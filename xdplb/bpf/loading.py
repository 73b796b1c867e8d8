# SPDX-License-Identifier: BSD-2-Clause
"""Loading an object: whether a map can be reused, and why the kernel refused."""

import re
from errno import EINVAL
from typing import TYPE_CHECKING, Any

from xdplb.bpf.calls import kernel_error
from xdplb.bpf.errors import KernelError, MapMismatchError
from xdplb.bpf.maptype import MapType
from xdplb.bpf.verifier import split_logs, verifier_error

if TYPE_CHECKING:
    from xdplb.bpf.map import Map
    from xdplb.bpf.object import OpenedObject
    from xdplb.bpf.opened import OpenedMap

# include/linux/bpf_verifier.h: 1 the way to a failure, 4 statistics also on success.
VERIFIER_LOG_LEVEL = 1 | 4

_FAILED_PROGRAM = re.compile(r"prog '([^']*)': (?:BPF program load failed|failed to load)")


def check_reuse(declared: "OpenedMap", found: "Map[Any, Any]") -> None:
    """Check that *found* can take the place of *declared*.

    :raises MapMismatchError: telling each difference
    """
    differences = shape_differences(declared, found)
    if not differences:
        return
    error = MapMismatchError(
        "reuse", f"{found.subject} as {declared.subject}", EINVAL, "; ".join(differences)
    )
    error.differences = differences
    raise error


def shape_differences(declared: "OpenedMap", found: "Map[Any, Any]") -> list[str]:
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


def load_error(code: int, opened: "OpenedObject", said: str) -> KernelError:
    """Return the exception for an object that libbpf or the kernel refused."""
    logs = split_logs(said)
    failed = _FAILED_PROGRAM.findall(said)
    program = failed[-1] if failed else ""
    if logs.get(program):
        files = opened.btf.source_files()
        subject = f"program {program!r} of {opened.subject}"
        return verifier_error(code, program, logs[program], files=files, subject=subject)
    return kernel_error(code, "load", opened.subject, said)
