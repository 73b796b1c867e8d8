# SPDX-License-Identifier: BSD-2-Clause
"""What the program writes, as bpf/abi.h lays it out: counters, connections and flow events."""

from collections import Counter as Tally
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from xdplb._abi import ffi, lib
from xdplb.abi import ServiceRecord, View, protocol_of, swap_port, unpack_address, view
from xdplb.model import Address, Counter, Protocol

NSEC_PER_SEC = 1_000_000_000


def words_of(group: str, prefix: str) -> dict[int, str]:
    """Return number → word of a C enum, lower case and without *prefix*."""
    elements: dict[int, str] = ffi.typeof(f"enum {group}").elements
    return {number: name.removeprefix(prefix).lower() for number, name in elements.items()}


def verdict_words() -> dict[int, str]:
    """Return number → word of every verdict that a packet can end with."""
    words = words_of("verdict", "VERDICT_")
    return {n: word for n, word in words.items() if n not in (0, lib.VERDICT_COUNT)}


class CounterCodec:
    """``struct counter`` and ``struct flow_counter``: 64-bit numbers, packets and bytes first."""

    def __init__(self, struct: str) -> None:
        self.size: int = ffi.sizeof(f"struct {struct}")

    def pack(self, counter: Counter) -> bytes:
        words = memoryview(bytearray(self.size)).cast("Q")
        for place in range(len(words)):
            words[place] = counter[place]
        return words.tobytes()

    def unpack(self, data: View) -> Counter:
        return Counter(*memoryview(data).cast("B").cast("Q"))


class Switches(NamedTuple):
    """``struct switches``: until when flow events are told, and how many were lost."""

    events_until_ns: int
    lost_events: int


class SwitchesCodec:
    """``struct switches``."""

    size: int = ffi.sizeof("struct switches")

    def pack(self, switches: Switches) -> bytes:
        return bytes(ffi.buffer(ffi.new("struct switches *", switches)))

    def unpack(self, data: View) -> Switches:
        struct = view("switches", data)
        return Switches(struct.events_until_ns, struct.lost_events)


class Directory(NamedTuple):
    """``struct directory``: which addresses are VIPs, secrets, how many backends are indexed."""

    vip_filter: tuple[int, ...] = (0,) * lib.FILTER_WORDS
    flow_key: int = 0
    hash_seed: int = 0
    dnat_backends: int = 0


class DirectoryCodec:
    """``struct directory``."""

    size: int = ffi.sizeof("struct directory")

    def pack(self, directory: Directory) -> bytes:
        return bytes(ffi.buffer(ffi.new("struct directory *", directory)))

    def unpack(self, data: View) -> Directory:
        struct = view("directory", data)
        return Directory(
            tuple(struct.vip_filter), struct.flow_key, struct.hash_seed, struct.dnat_backends
        )


class FlowEvent(NamedTuple):
    """What became of a connection; times are CLOCK_MONOTONIC nanoseconds."""

    time_ns: int
    kind: str
    protocol: Protocol
    client: Address
    client_port: int
    vip: Address
    vip_port: int
    backend: Address
    backend_port: int
    verdict: str
    service_id: int
    backend_id: int
    bytes: int


class FlowEventCodec:
    """``struct flow_event``; read only."""

    size: int = ffi.sizeof("struct flow_event")

    def __init__(self) -> None:
        self.kinds = words_of("flow_event_kind", "FLOW_EVENT_")
        self.verdicts = words_of("verdict", "VERDICT_")

    def pack(self, event: FlowEvent) -> bytes:
        raise NotImplementedError("flow events: only the program writes them")

    def unpack(self, data: View) -> FlowEvent:
        struct = view("flow_event", data)
        return FlowEvent(
            struct.time_ns,
            self.kinds[struct.kind],
            protocol_of(struct.protocol),
            unpack_address(struct.client),
            swap_port(struct.client_port),
            unpack_address(struct.vip),
            swap_port(struct.vip_port),
            unpack_address(struct.backend),
            swap_port(struct.backend_port),
            self.verdicts[struct.verdict],
            struct.service_id,
            struct.backend_id,
            struct.bytes,
        )


class Connection(NamedTuple):
    """A connection that is remembered."""

    protocol: Protocol
    client: Address
    client_port: int
    vip: Address
    vip_port: int
    backend_id: int
    backend_port: int
    idle_s: int


class ConnectionTally(NamedTuple):
    """Connections by backend id: those alive, and those closed or run out but not yet evicted."""

    active: dict[int, int]
    inactive: dict[int, int]


class ConnectionReader:
    """Looks through ``connections`` in bulk: columns of the raw batch, not records one by one."""

    flow_size: int = ffi.sizeof("struct flow")
    size: int = ffi.sizeof("struct connection")

    def __init__(self, now_ns: int) -> None:
        self.now_ns = now_ns
        self.active: Tally[int] = Tally()
        self.inactive: Tally[int] = Tally()

    def column(self, field: str, values: View, form: str) -> list[int]:
        """Return one field of every connection in *values*."""
        words = memoryview(values).cast("B").cast(form)  # type: ignore[call-overload]
        step = self.size // words.itemsize
        column: list[int] = words[
            ffi.offsetof("struct connection", field) // words.itemsize :: step
        ].tolist()
        return column

    def count(self, values: View) -> None:
        """Count the connections of one batch; the entry of the way back is not another one."""
        for seen_ns, limit_s, client, backend, flags, backend_id in zip(
            self.column("last_seen_ns", values, "Q"),
            self.column("idle_limit_s", values, "I"),
            self.column("heard_client", values, "B"),
            self.column("heard_backend", values, "B"),
            self.column("flags", values, "I"),
            self.column("backend_id", values, "I"),
            strict=True,
        ):
            if flags & lib.CONNECTION_REPLY:
                continue
            closed = (client | backend) & lib.HEARD_RESET or client & backend & lib.HEARD_FIN
            over = closed or self.now_ns >= seen_ns + limit_s * NSEC_PER_SEC
            (self.inactive if over else self.active)[backend_id] += 1

    def connections(
        self, keys: View, values: View, services: Mapping[int, ServiceRecord]
    ) -> Iterator[Connection]:
        """Yield the connections of one batch one by one: for looking at, not for counting."""
        key, value = memoryview(keys), memoryview(values)
        for place in range(len(key) // self.flow_size):
            flow = view("flow", key[place * self.flow_size :])
            entry = view("connection", value[place * self.size :])
            if not entry.flags & lib.CONNECTION_REPLY and entry.service_id in services:
                yield Connection(
                    protocol_of(flow.protocol & ~lib.FLOW_IPV6),
                    unpack_address(entry.client),
                    swap_port(flow.source_port),
                    services[entry.service_id].service.key.vip,
                    swap_port(flow.destination_port),
                    entry.backend_id,
                    swap_port(entry.destination_port),
                    max(0, self.now_ns - entry.last_seen_ns) // NSEC_PER_SEC,
                )

    def keys_of(self, wanted: frozenset[int] | None, keys: View, values: View) -> list[bytes]:
        """Return the batch's keys that belong to the *wanted* backends; ``None``: all keys."""
        flat = memoryview(keys)
        return [
            bytes(flat[place * self.flow_size : (place + 1) * self.flow_size])
            for place, owner in enumerate(self.column("backend_id", values, "I"))
            if wanted is None or owner in wanted
        ]


VERDICT_COUNTER = CounterCodec("counter")
FLOW_COUNTER = CounterCodec("flow_counter")
SWITCHES = SwitchesCodec()
DIRECTORY = DirectoryCodec()
