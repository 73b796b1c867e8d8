# SPDX-License-Identifier: BSD-2-Clause
"""What loading costs: the verifier's instructions, time and the memory of the maps."""

import statistics
import time
from typing import NamedTuple

from xdplb.bpf import BpfObject, Map
from xdplb.dataplane import sizes_of
from xdplb.loader import MAIN_PROGRAM, OBJECT
from xdplb.model import Limits

ROUNDS = 11


class Figure(NamedTuple):
    """A figure with its unit and its bound."""

    name: str
    value: float
    unit: str
    bound: float


def memory_of(opened: Map) -> int:
    """Return the bytes the kernel has charged for a map."""
    with open(f"/proc/self/fdinfo/{opened.fileno()}", encoding="ascii") as info:
        fields = dict(line.split(":", 1) for line in info)
    return int(fields["memlock"])


def load_once() -> tuple[float, int, int]:
    """Return the milliseconds of a load at default limits, the instructions, the maps' bytes."""
    with BpfObject.open(OBJECT) as opened:
        for name, size in sizes_of(Limits()).items():
            opened.map(name).max_entries = size
        before = time.perf_counter()
        with opened.load() as loaded, loaded.program(MAIN_PROGRAM) as program:
            taken_ms = (time.perf_counter() - before) * 1000
            return (
                taken_ms,
                program.info.verified_instructions,
                sum(memory_of(loaded.map(name)) for name in loaded.maps),
            )


def measure() -> list[Figure]:
    """Load the object several times and return what it costs."""
    rounds = [load_once() for _ in range(ROUNDS)]
    return [
        Figure("verifier", rounds[0][1], "instructions", 60000),
        Figure("load", statistics.median(r[0] for r in rounds), "ms", 100),
        Figure("maps at default limits", rounds[0][2] / (1 << 20), "MiB", 64),
    ]
