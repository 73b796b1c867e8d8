# SPDX-License-Identifier: BSD-2-Clause
"""What this machine has: capabilities, CPUs, libbpf, a bpf file system."""

from __future__ import annotations

import os

from xdplb._libbpf import lib
from xdplb.bpf.typehints import TYPE_CHECKING

if TYPE_CHECKING:
    from os import PathLike

# Bits of CapEff, from linux/capability.h.
_CAP_NET_ADMIN = 12
_CAP_SYS_ADMIN = 21
_CAP_PERFMON = 38
_CAP_BPF = 39


def libbpf_version() -> tuple[int, int]:
    """Return major and minor version of the libbpf that is loaded."""
    return lib.libbpf_major_version(), lib.libbpf_minor_version()


def has_symbol(name: str) -> bool:
    """Return whether the libbpf that is loaded has the function *name*."""
    return bool(lib.shim_has_symbol(name.encode()))


def possible_cpus() -> int:
    """Return how many values a per-CPU map holds under each key; more than are online, maybe."""
    count: int = lib.libbpf_num_possible_cpus()
    if count < 0:
        raise OSError(-count, f"possible CPUs: {os.strerror(-count)}")
    return count


def has_sys_admin() -> bool:
    """Return whether this thread has CAP_SYS_ADMIN, which the kernel wants for ids."""
    return bool(_effective_capabilities() >> _CAP_SYS_ADMIN & 1)


def missing_capabilities() -> list[str]:
    """Return which of CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON this thread lacks.

    CAP_SYS_ADMIN stands in for CAP_BPF and CAP_PERFMON, as it does in the kernel.
    """
    effective = _effective_capabilities()
    wanted = {"CAP_BPF": _CAP_BPF, "CAP_NET_ADMIN": _CAP_NET_ADMIN, "CAP_PERFMON": _CAP_PERFMON}
    missing = [name for name, bit in wanted.items() if not effective >> bit & 1]
    if effective >> _CAP_SYS_ADMIN & 1:
        missing = [name for name in missing if name == "CAP_NET_ADMIN"]
    return missing


def _effective_capabilities() -> int:
    with open("/proc/thread-self/status", "rb") as status:
        for line in status:
            if line.startswith(b"CapEff:"):
                return int(line.split()[1], 16)
    return 0


def is_bpffs(path: str | PathLike[str]) -> bool:
    """Return whether *path* exists and lies on a bpf file system, where pins can be made."""
    return bool(lib.shim_is_bpffs(os.fsencode(path)) == 1)


def explain_pin_failure(path: str) -> str:
    """Return why nothing can be pinned at *path*, as far as that shows; else an empty string."""
    folder, name = os.path.split(os.path.abspath(path))
    if not os.path.isdir(folder):
        return f"{folder} is no folder; make it first"
    if not is_bpffs(folder):
        return (
            f"{folder} is not on a bpf file system; mount one there, and note that "
            "'ip netns exec' hides the one at /sys/fs/bpf"
        )
    if "." in name:
        return f"a bpf file system takes no dot in a name, and {name!r} has one"
    return ""
