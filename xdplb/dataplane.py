# SPDX-License-Identifier: BSD-2-Clause
"""The maps of one attachment: the only place with their names.

Writes go through :meth:`DataPlane.change`: whatever fails in it, what was written is written
back, last write first.
"""

import time
from array import array
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import islice
from types import TracebackType
from typing import Any, Self

from xdplb.abi import BACKEND, SERVICE, BackendRecord, ServiceRecord, index_places
from xdplb.abi_flows import (
    DIRECTORY,
    FLOW_COUNTER,
    SWITCHES,
    VERDICT_COUNTER,
    Connection,
    ConnectionReader,
    ConnectionTally,
    Directory,
    Switches,
    verdict_words,
)
from xdplb.bpf import (
    U32,
    ArrayMap,
    Codec,
    CodecError,
    LoadedObject,
    Map,
    PerCpuArrayMap,
    possible_cpus,
)
from xdplb.errors import XdplbError
from xdplb.model import Counter, Limits, ServiceKey
from xdplb.service_index import places_for
from xdplb.state import PinFolder

# Name → the codec of its values; flow_events has none and is read by its own reader.
VALUES: dict[str, Codec[Any] | None] = {
    "service_index": U32,
    "services": SERVICE,
    "backends": BACKEND,
    "slots": None,
    "connections": None,
    "verdict_counters": VERDICT_COUNTER,
    "service_counters": FLOW_COUNTER,
    "backend_counters": FLOW_COUNTER,
    "directory": DIRECTORY,
    "switches": SWITCHES,
    "flow_events": None,
}


def sizes_of(limits: Limits) -> dict[str, int]:
    """Return name → number of entries for the maps whose size is chosen at attach."""
    return {
        "service_index": places_for(limits.services + limits.backends),
        "services": limits.services,
        "backends": limits.backends,
        "slots": limits.services * limits.table_size,
        "connections": 2 * limits.connections,  # one entry each way
        "service_counters": limits.services,
        "service_turns": limits.services,
        "backend_counters": limits.backends,
    }


class DataPlane:
    """Services, backends and counters as they are loaded; a context manager that owns the maps.

    :param open_map: returns a new handle of the map of that name
    """

    def __init__(self, open_map: Callable[[str], Map[Any, Any]]) -> None:
        self._open_map = open_map
        self._maps: dict[str, Map[Any, Any]] = {}
        self._typed: set[str] = set()
        self._undo: ExitStack | None = None
        self._afterwards: list[Callable[[], object]] = []

    @classmethod
    def from_folder(cls, folder: PinFolder) -> Self:
        """Open the maps pinned in *folder*, each when it is first asked for."""
        return cls(lambda name: Map.from_pin(folder.pin(name)))

    @classmethod
    def from_object(cls, loaded: LoadedObject) -> Self:
        """Take the maps of an object that was just loaded."""
        return cls(lambda name: loaded.map(name).dup())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the maps; what they hold stays."""
        for opened in self._maps.values():
            opened.close()
        self._maps.clear()
        self._typed.clear()

    def raw(self, name: str) -> Map[Any, Any]:
        """Return the map called *name*, whatever its layout."""
        if name not in self._maps:
            self._maps[name] = self._open_map(name)
        return self._maps[name]

    def map(self, name: str) -> Map[Any, Any]:
        """Return the map called *name*, with the codecs that fit it.

        :raises XdplbError: if another version made it, with another layout
        """
        opened, codec = self.raw(name), VALUES[name]
        if codec and name not in self._typed:
            try:
                opened.typed(U32, codec)
            except CodecError as error:
                raise XdplbError(
                    f"{error}; another version of xdplb has made it: use that one, or detach"
                ) from error
            self._typed.add(name)
        return opened

    def limits(self) -> Limits:
        """Return what was chosen at attach, read back from the sizes of the maps."""
        services = self.raw("services").max_entries
        return Limits(
            services,
            self.raw("backends").max_entries,
            self.raw("connections").max_entries // 2,
            self.raw("slots").max_entries // services,
        )

    # --- what is there ------------------------------------------------------------------------

    def services(self) -> dict[int, ServiceRecord]:
        """Return service id → service."""
        return {number: record for number, record in self.map("services").items() if record}

    def backends(self) -> dict[int, BackendRecord]:
        """Return backend id → backend."""
        return {number: record for number, record in self.map("backends").items() if record}

    def index(self) -> dict[int, int]:
        """Return place → id of the service there; of a backend, with INDEX_BACKEND."""
        return {place: held - 1 for place, held in self.map("service_index").items() if held}

    def places(self, key: ServiceKey) -> tuple[int, int]:
        """Return the two places where a service may stand."""
        return index_places(key, self.map("service_index").max_entries)

    def service_counters(self, ids: Iterable[int]) -> dict[int, Counter]:
        """Return service id → its traffic."""
        return {number: self._sum("service_counters", number) for number in ids}

    def backend_counters(self, ids: Iterable[int]) -> dict[int, Counter]:
        """Return backend id → its traffic."""
        return {number: self._sum("backend_counters", number) for number in ids}

    def verdicts(self) -> dict[str, Counter]:
        """Return verdict → packets and bytes that ended so, those never met included."""
        words = verdict_words()
        return {words[number]: self._sum("verdict_counters", number) for number in words}

    def _sum(self, name: str, number: int) -> Counter:
        counters = self.map(name)
        assert isinstance(counters, PerCpuArrayMap)
        total: Counter | None = counters.total(number)
        return total or Counter()

    # --- what is changed ----------------------------------------------------------------------

    @contextmanager
    def change(self) -> Iterator[None]:
        """Do several writes, or none: an error in the block undoes those made so far.

        A block within a block belongs to the outer one.
        """
        if self._undo is not None:
            yield
            return
        try:
            with ExitStack() as self._undo:
                yield
                self._undo.pop_all()
        finally:
            self._undo = None
            afterwards, self._afterwards = self._afterwards, []
        for call in afterwards:
            call()

    def after_change(self, call: Callable[[], object]) -> None:
        """Do what cannot be undone when the outermost block has gone through."""
        self._afterwards.append(call)

    def _write(self, name: str, key: int, value: object) -> None:
        target = self.map(name)
        if self._undo is not None:
            self._undo.callback(target.update, key, target.lookup(key))
        target.update(key, value)

    def put_service(self, number: int, record: ServiceRecord | None) -> None:
        """Store a service; ``None`` clears the record."""
        self._write("services", number, record)

    def put_backend(self, number: int, record: BackendRecord | None) -> None:
        """Store a backend; ``None`` clears the record."""
        self._write("backends", number, record)

    def put_index(self, place: int, service_id: int | None) -> None:
        """Let packets find a service at *place*, or with ``None`` nothing."""
        self._write("service_index", place, 0 if service_id is None else service_id + 1)

    def slots(self, first: int, count: int) -> "array[int]":
        """Return a table's slots as 64-bit words."""
        slots = self.map("slots")
        assert isinstance(slots, ArrayMap)
        with slots.mmap() as mapped:
            return array("Q", mapped.view[8 * first : 8 * (first + count)].tobytes())

    def put_slots(self, first: int, words: "array[int]") -> None:
        """Store a table's slots, one 64-bit store each."""
        if self._undo is not None:
            self._undo.callback(self._store, first, self.slots(first, len(words)))
        self._store(first, words)

    def _store(self, first: int, words: "array[int]") -> None:
        slots = self.map("slots")
        assert isinstance(slots, ArrayMap)
        with slots.mmap(write=True) as mapped:
            mapped.store_words(first, words)

    def clear_counters(self, name: str, number: int) -> None:
        """Let the counters of a service or backend begin at nothing."""
        self.map(name).update(number, (Counter(),) * possible_cpus())

    # --- connections and switches -------------------------------------------------------------

    def count_connections(self) -> ConnectionTally:
        """Return the number of connections of every backend."""
        reader = ConnectionReader(time.monotonic_ns())
        for _, values in self.map("connections").read_batches():
            reader.count(values)
        return ConnectionTally(reader.active, reader.inactive)

    def connections(self, limit: int) -> list[Connection]:
        """Return up to *limit* of the connections that are remembered."""
        reader = ConnectionReader(time.monotonic_ns())
        batches = self.map("connections").read_batches()
        services = self.services()
        each = (found for batch in batches for found in reader.connections(*batch, services))
        return list(islice(each, limit))

    def flush_connections(self, backend_ids: Iterable[int] | None = None) -> int:
        """Forget the connections of some backends, or all; return how many entries went."""
        reader = ConnectionReader(0)
        wanted = None if backend_ids is None else frozenset(backend_ids)
        table = self.map("connections")
        doomed = [
            key
            for keys, values in table.read_batches()
            for key in reader.keys_of(wanted, keys, values)
        ]
        return table.erase_batch(b"".join(doomed))

    def directory(self) -> Directory:
        """Return what the program asks before all tables."""
        found: Directory = self.map("directory")[0]
        return found

    def put_directory(self, directory: Directory) -> None:
        """Store what the program asks before all tables."""
        self._write("directory", 0, directory)

    def switches(self) -> Switches:
        """Return what can be switched while packets flow."""
        found: Switches = self.map("switches")[0]
        return found

    def put_switches(self, switches: Switches) -> None:
        """Switch; not undone by :meth:`change`."""
        self.map("switches").update(0, switches)
