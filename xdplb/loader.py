# SPDX-License-Identifier: BSD-2-Clause
"""The BPF object of the package: opened, given its settings and loaded."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from xdplb.bpf import BpfObject, KernelError, LoadedObject, Map, OpenedObject, Program
from xdplb.bpf.errors import VerifierError
from xdplb.dataplane import sizes_of
from xdplb.errors import XdplbError
from xdplb.interface import Interface, read_local_ports
from xdplb.model import Limits

OBJECT = Path(__file__).with_name("xdp_lb.bpf.o")
MAIN_PROGRAM = "xdp_lb"

# `call 160; r0 = 0; exit`: bpf_ktime_get_coarse_ns() is helper 160 of linux/bpf.h.
CALL_COARSE_CLOCK = bytes.fromhex("85000000a0000000 b700000000000000 9500000000000000")


class Settings(NamedTuple):
    """What is fixed when the program is loaded."""

    limits: Limits = Limits()
    debug: bool = False
    verifier_log: Path | None = None


def load(
    interface: Interface, settings: Settings, *, reuse: Mapping[str, Map[Any, Any]] | None = None
) -> LoadedObject:
    """Load the program for *interface*, with maps of its own or with those in *reuse*.

    :raises XdplbError: if the verifier refuses it; the log goes to ``settings.verifier_log``
    :raises xdplb.bpf.errors.MapMismatchError: if a map in *reuse* has another layout
    """
    if not OBJECT.exists():
        raise XdplbError(f"{OBJECT}: the BPF object was not built; build it with: make bpf")
    with BpfObject.open(OBJECT) as opened:
        for name, size in sizes_of(settings.limits).items():
            opened.map(name).max_entries = size
        for constant, value in constants(interface, settings).items():
            opened.set_constant(constant, value)
        return load_or_explain(opened, settings.verifier_log, reuse or {})


def load_or_explain(
    opened: OpenedObject, log: Path | None, reuse: Mapping[str, Map[Any, Any]]
) -> LoadedObject:
    """Load, and keep what the verifier has to say about it where *log* tells."""
    try:
        loaded = opened.load(reuse=reuse, verifier_log=log is not None)
    except VerifierError as error:
        if log is not None:
            log.write_text(error.log)
        hint = f"the whole log: {log or 'xdplb attach --verifier-log FILE'}"
        where = (
            f"\n  at {error.source}, after {error.instructions} instructions"
            if (error.source)
            else "\n "
        )
        raise XdplbError(
            f"{MAIN_PROGRAM}: refused by the verifier: {error.reason}{where}; {hint}"
        ) from error
    if log is not None:
        log.write_text(loaded.verifier_log[MAIN_PROGRAM])
    return loaded


def constants(interface: Interface, settings: Settings) -> dict[str, Any]:
    """Return the program's constants for *interface*."""
    low, high = read_local_ports()
    return {
        "interface_mac": interface.mac,
        "debug": settings.debug,
        "service_index_mask": sizes_of(settings.limits)["service_index"] - 1,
        "has_coarse_clock": has_coarse_clock(),
        "local_port_min": low,
        "local_port_max": high,
    }


def has_coarse_clock() -> bool:
    """Tell whether this kernel has bpf_ktime_get_coarse_ns(), by loading a program with it."""
    try:
        with Program.from_instructions(CALL_COARSE_CLOCK, type="xdp"):
            return True
    except KernelError as error:
        if isinstance(error, PermissionError):
            raise
        return False
