# SPDX-License-Identifier: BSD-2-Clause
"""Times XDP programs by the rig of rig.bpf.c; docs/performance.md tells the method."""

import os
import statistics
import subprocess
import tempfile
import time
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Self

from xdplb.bpf import U32, BpfObject, Program, XdpAction

SOURCE = Path(__file__).with_name("rig.bpf.c")
KERNEL_TYPES = SOURCE.parent.parent / "bpf"
OFFSETS = (0, 6, 14, 22, 30, 38, 46, 54, 62, 70)
FRAME_BYTES = 78  # the rig writes that many
RUNS = 1 << 20
ROUNDS = 11
GOLDEN_RATIO = 0x9E3779B1


class Case(NamedTuple):
    """A frame for a program, and the action it must end in."""

    name: str
    frame: bytes
    flows: int
    action: XdpAction
    listed: Sequence[tuple[int, int]] = ()  # flows as (addresses, ports), as they lie in memory


class Timing(NamedTuple):
    """Nanoseconds a packet: the program's own, and the rig's with ``return XDP_TX``."""

    net_ns: float
    base_ns: float


def compile_rig() -> bytes:
    """Return the rig's object file."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "rig.bpf.o"
        flags = ["-target", "bpf", "-mcpu=v3", "-O2", "-g", "-Wall", "-Werror"]
        command = ["clang", *flags, f"-I{KERNEL_TYPES}", "-c", str(SOURCE), "-o", str(output)]
        subprocess.run(command, check=True)
        return output.read_bytes()


class Rig:
    """The loaded rig, pinned to one CPU for as long as it is open."""

    def __init__(self, cpu: int = 1) -> None:
        self._affinity = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {cpu if cpu in self._affinity else min(self._affinity)})
        with BpfObject.open(compile_rig(), name="rig") as opened:
            self._object = opened.load()
        self._enter = self._object.program("enter")
        self.floor_tx = self._object.program("floor_tx")
        self.floors = {
            "floor: MACs exchanged": self._object.program("floor_swap"),
            "floor: head moved by 20 bytes": self._object.program("floor_head"),
            "floor: bare ipip": self._object.program("floor_ipip"),
        }
        self._under_test = self._object.map("under_test").typed(U32, U32)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._object.close()
        os.sched_setaffinity(0, self._affinity)

    def prepare(self, case: Case, *, shuffled: bool = True) -> None:
        """Set the rig to *case*'s frame and flows, from the first one on."""
        words = array("Q", (int.from_bytes(case.frame[at : at + 8], "little") for at in OFFSETS))
        fold_bits = max(1, (case.flows - 1).bit_length() // 2) if shuffled else 63
        self._object.set_global(
            "rig",
            {
                "runs": 0,
                "flow_mask": case.flows - 1,
                "stride": GOLDEN_RATIO if shuffled else 1,
                "fold_bits": fold_bits,
                "frame_bytes": len(case.frame),
                "is_ipv6": int(case.frame[12:14] == b"\x86\xdd"),
                "is_listed": int(bool(case.listed)),
                "words": tuple(words),
            },
        )
        if case.listed:
            flows = self._object.map("listed_flows")
            flows.update_many((i, (*flow, 0)) for i, flow in enumerate(case.listed))

    def run(self, program: Program, case: Case, runs: int) -> float:
        """Return the CPU nanoseconds a run of *program* took, the rig's included.

        :raises AssertionError: if the last packet did not end in the case's action
        """
        self._under_test.update(0, program.fileno())
        before = time.thread_time_ns()
        result = self._enter.test_run(case.frame, repeat=runs)
        taken = time.thread_time_ns() - before
        expected = XdpAction.TX if program is self.floor_tx else case.action
        assert result.action is expected, f"{case.name}: {result.action.name}"
        return taken / runs

    def measure(self, program: Program, case: Case, rounds: int = ROUNDS) -> Timing:
        """Return the median over *rounds*, taken in turn with ``return XDP_TX``.

        A first pass that is not timed visits each flow once, so that it is remembered.
        """
        self.prepare(case, shuffled=False)
        self.run(program, case, max(case.flows, 1000))
        timed, base = [], []
        for _ in range(rounds):
            self.prepare(case)
            timed.append(self.run(program, case, RUNS))
            self.prepare(case)
            base.append(self.run(self.floor_tx, case, RUNS))
        median = statistics.median(base)
        return Timing(statistics.median(timed) - median, median)
