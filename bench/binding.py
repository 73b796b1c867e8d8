# SPDX-License-Identifier: BSD-2-Clause
"""What the calls of ``xdplb.bpf`` cost, each beside the bound it has to stay within.

Times are the best of several rounds: the machine's other work only ever adds to them. Where a
figure is a ratio, the same calls are made by C (binding_loops.c) in the same rounds.
"""

import ctypes
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from xdplb.bpf import (
    U32,
    U64,
    ArrayMap,
    BpfObject,
    Fields,
    LoadedObject,
    MapOfMaps,
    MapType,
    PerCpuArrayMap,
    RingBufferMap,
    RingReader,
)

HERE = Path(__file__).parent
PRODUCT = HERE.parent / "xdplb" / "xdp_lb.bpf.o"
CALLS = 100_000
ENTRIES = 1 << 16
TABLE_SLOTS = 65_537
TABLES = 512
EVENTS = 200_000
EVENT = Fields("=QIIIIIIIIHHHHII")
MMAPABLE = 0x400
ROUNDS = 7


class Figure(NamedTuple):
    """A measured figure; *bound* is the most it may be, or with *least* the least."""

    what: str
    value: float
    unit: str
    bound: float
    least: bool = False

    @property
    def missed(self) -> bool:
        """Whether the figure is beyond its bound."""
        return self.value < self.bound if self.least else self.value > self.bound


def best_s(action: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Return the seconds of the quickest of some rounds."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return min(times)


def race_s(ours: Callable[[], object], theirs: Callable[[], object]) -> tuple[float, float]:
    """Return the seconds of the quickest round of each, run by turns."""
    pairs = [(best_s(ours, 1), best_s(theirs, 1)) for _ in range(2 * ROUNDS)]
    return min(ours for ours, _ in pairs), min(theirs for _, theirs in pairs)


@contextmanager
def c_loops() -> Iterator[ctypes.CDLL]:
    """Compile and load binding_loops.c."""
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "loops.so"
        flags = ["-O2", "-shared", "-fPIC", "-o", str(library)]
        subprocess.run(["gcc", str(HERE / "binding_loops.c"), *flags, "-lbpf"], check=True)
        yield ctypes.CDLL(str(library))


@contextmanager
def event_object() -> Iterator[LoadedObject]:
    """Compile and load binding.bpf.c."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "binding.bpf.o"
        include = f"-I/usr/include/{sys.implementation._multiarch}"
        flags = ["-target", "bpf", "-O2", "-g", include, "-c"]
        subprocess.run(["clang", *flags, HERE / "binding.bpf.c", "-o", output], check=True)
        with BpfObject.open(output) as opened, opened.load() as loaded:
            yield loaded


def import_figures() -> Iterator[Figure]:
    """Time new processes: importing the package after nothing, and after the CLI's typer.

    CPU time, since all of it is: the wall's clock would measure the neighbours too.
    """

    with tempfile.TemporaryDirectory() as cache:
        # As where the package is installed: with compiled modules.
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": cache}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)

        def run(code: str) -> float:
            before = _cpu_of_children_s()
            command = [sys.executable, "-c", code]
            subprocess.run(command, check=True, env=environment, cwd=HERE.parent)
            return _cpu_of_children_s() - before

        def cost_ms(code: str, base: str) -> float:
            pairs = [(run(code), run(base)) for _ in range(15)]
            return 1e3 * (min(long for long, _ in pairs) - min(short for _, short in pairs))

        run("import typer, xdplb.bpf")
        alone = cost_ms("import xdplb.bpf", "pass")
        after = cost_ms("import typer, xdplb.bpf", "import typer")
    yield Figure("import xdplb.bpf, over bare Python", alone, "ms", 15)
    yield Figure("import xdplb.bpf, after typer", after, "ms", 5)


def _cpu_of_children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def call_figures(loops: ctypes.CDLL) -> Iterator[Figure]:
    """Compare single updates and lookups with the same in C."""
    with ArrayMap.create(MapType.ARRAY, U32, U32, 1024) as numbers:

        def update() -> None:
            store = numbers.update
            for value in range(CALLS):
                store(5, value)

        def lookup() -> None:
            look = numbers.lookup
            for _ in range(CALLS):
                look(5)

        fd = numbers.fileno()
        for what, python, c_loop, bound in (
            ("update", update, loops.update_loop, 3),
            ("lookup", lookup, loops.lookup_loop, 4),
        ):
            ours, in_c = race_s(python, lambda c_loop=c_loop: c_loop(fd, 5, CALLS))  # type: ignore[misc]
            label = f"{what}, typed: {1e9 * ours / CALLS:.0f} ns"
            yield Figure(label, ours / in_c, "times C", bound)


def batch_figures(loops: ctypes.CDLL) -> Iterator[Figure]:
    """Time 65,536 entries in and out as buffers, beside the same call in C."""
    with ArrayMap.create(MapType.ARRAY, U32, U32, ENTRIES) as numbers:
        keys = array("I", range(ENTRIES)).tobytes()
        values = bytes(4 * ENTRIES)
        fd = numbers.fileno()
        room = ctypes.create_string_buffer(4 * ENTRIES)
        stored, stored_c = race_s(
            lambda: numbers.write_batch(keys, values, ENTRIES),
            lambda: loops.update_batch(fd, keys, values, ENTRIES),
        )
        read, read_c = race_s(
            lambda: list(numbers.read_batches(ENTRIES)),
            lambda: loops.lookup_batch(fd, room, room, ENTRIES),
        )
    yield Figure("65,536 entries in, one batch", 1e3 * stored, "ms", 10)
    yield Figure("the same against C", stored / stored_c, "times C", 1.3)
    yield Figure("65,536 entries out, one batch", 1e3 * read, "ms", 10)
    yield Figure("the same against C", read / read_c, "times C", 1.3)


def memory_figures() -> Iterator[Figure]:
    """Time filling a mapped array, and building and swapping tables."""
    words = array("Q", range(TABLE_SLOTS))

    def build() -> ArrayMap[int]:
        table = ArrayMap.create(MapType.ARRAY, U32, U64, TABLE_SLOTS, flags=MMAPABLE)
        with table.mmap(write=True) as mapped:
            mapped.store_words(0, words)
        return table

    with (
        build() as template,
        MapOfMaps.create(MapType.ARRAY_OF_MAPS, U32, 4, TABLES, inner=template) as tables,
        template.mmap(write=True) as mapped,
    ):
        filled = best_s(lambda: mapped.store_words(0, words))

        def swap(count: int) -> None:
            made = {index: build() for index in range(count)}
            tables.swap(made)
            for table in made.values():
                table.close()

        one = best_s(lambda: swap(1))
        many = best_s(lambda: swap(TABLES), 3)
    yield Figure("65,537 words stored in a mapped array", 1e3 * filled, "ms", 1)
    yield Figure("one table of 65,537 built and swapped", 1e3 * one, "ms", 20)
    yield Figure("512 tables built and swapped at once", 1e3 * many, "ms", 200)


def ring_figures() -> Iterator[Figure]:
    """Read 200,000 events with a loop body in Python, alone and beside a busy thread."""
    with event_object() as loaded:
        events = loaded.map("events")
        assert isinstance(events, RingBufferMap)
        with events.reader(EVENT) as reader:
            idle = max(_events_per_s(loaded, reader) for _ in range(ROUNDS))
            stop = threading.Event()
            busy = threading.Thread(target=_keep_busy, args=(stop,))
            busy.start()
            try:
                contended = sorted(_events_per_s(loaded, reader) for _ in range(ROUNDS))
            finally:
                stop.set()
                busy.join()
    yield Figure("ring reader, idle", idle / 1e6, "M events/s", 4, least=True)
    middle = contended[ROUNDS // 2] / 1e6
    yield Figure("ring reader, beside a busy thread", middle, "M events/s", 1, least=True)


def _keep_busy(stop: threading.Event) -> None:
    while not stop.is_set():
        sum(range(1000))


def _events_per_s(loaded: LoadedObject, reader: RingReader[tuple[int, ...]]) -> float:
    loaded.program("tell").test_run(bytes(64), repeat=EVENTS)
    seen = last = 0
    start = time.perf_counter()
    while chunk := reader.read_raw():
        for event in EVENT.unpack_many(chunk):
            last = event[13]
            seen += 1
    taken = time.perf_counter() - start
    assert (seen, (last + 1) % EVENTS) == (EVENTS, 0)
    return EVENTS / taken


def poll_figures() -> Iterator[Figure]:
    """Sum 512 entries of 32 bytes over all CPUs."""
    counters = Fields("=QQQQ")
    with PerCpuArrayMap.create(MapType.PERCPU_ARRAY, U32, counters, 512) as stats:
        taken = best_s(stats.totals, 50)
    yield Figure("512 per-CPU counters of 32 bytes summed", 1e3 * taken, "ms", 1)


def load_figures() -> Iterator[Figure]:
    """Open and load the balancer's own object, where it is built."""
    if not PRODUCT.exists():
        return

    def load() -> None:
        with BpfObject.open(PRODUCT) as opened:
            opened.load().close()

    yield Figure(f"{PRODUCT.name} opened and loaded", 1e3 * best_s(load), "ms", 25)


def measure() -> list[Figure]:
    """Return all figures, in the order of the table."""
    figures = [*import_figures()]
    with c_loops() as loops:
        figures += [*call_figures(loops), *batch_figures(loops)]
    return [*figures, *memory_figures(), *ring_figures(), *poll_figures(), *load_figures()]


def main() -> None:
    """Print the table."""
    table = Table(title="what the binding's calls cost", title_justify="left")
    table.add_column("call")
    for column in ("measured", "bound"):
        table.add_column(column, justify="right")
    table.add_column("")
    for figure in measure():
        bound = f"{'≥' if figure.least else '≤'} {figure.bound:g}"
        measured = f"{figure.value:.3g} {figure.unit}"
        table.add_row(figure.what, measured, bound, "missed" if figure.missed else "")
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
