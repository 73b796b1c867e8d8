# SPDX-License-Identifier: BSD-2-Clause
"""What the model knows: services with slots and backends, and connections."""

from array import array
from dataclasses import dataclass, field
from typing import NamedTuple

from packet.model_headers import FIN, RST, TCP, Flow, Headers
from xxhash import xxh32_intdigest

from xdplb.abi import SLOT_MOVED, BackendRecord
from xdplb.model import HashOn, Scheduler, Service
from xdplb.tables import build_table, moved, remembers_slots, settled

HASHED_PARTS = {
    HashOn.FLOW: (True, True, True),
    HashOn.SOURCE_ADDRESS: (True, False, False),
    HashOn.SOURCE_PORT: (False, True, False),
    HashOn.DESTINATION_PORT: (False, False, True),
}


class Slot(NamedTuple):
    """*previous* is ``None`` where the slot has not moved."""

    current: int
    previous: int | None


@dataclass
class ModelService:
    """A service, its backends by id, and its table."""

    number: int
    service: Service
    nat_address: bytes
    backends: dict[int, BackendRecord]
    size: int
    turn: int = 0
    words: "array[int]" = field(default_factory=lambda: array("Q"))
    has_backends: bool = False

    @property
    def vip(self) -> bytes:
        return self.service.key.vip.packed

    def share_out(self) -> None:
        """Make the table anew from the backends, as docs/packet.md has it of slots."""
        table = build_table(self.service, self.backends, self.size)
        alive = [number for number, record in self.backends.items() if record.up]
        if table and self.has_backends and remembers_slots(self.service):
            self.words = moved(self.words, table, alive)
        elif table:
            self.words = settled(table)
        self.has_backends = bool(table)

    def hash_of(self, headers: Headers, seed: int) -> int:
        """Return the hash of those parts of the flow that the service hashes on."""
        address, source, destination = HASHED_PARTS[self.service.hash_on]
        words = headers.source if address else bytes(len(headers.source))
        words += (headers.source_port * source).to_bytes(2, "big")
        words += (headers.destination_port * destination).to_bytes(2, "big")
        return int(xxh32_intdigest(words, seed))

    def slot_of(self, headers: Headers, seed: int) -> Slot:
        """Return the slot of a flow; with round robin, whose turn it is."""
        if self.service.scheduler is Scheduler.ROUND_ROBIN:
            place, self.turn = self.turn % self.size, self.turn + 1
        else:
            place = self.hash_of(headers, seed) * self.size >> 32
        current, previous = self.words[place] & 0xFFFF_FFFF, self.words[place] >> 32
        return Slot(current, previous & ~SLOT_MOVED if previous & SLOT_MOVED else None)

    def is_request_by_itself(self, headers: Headers) -> bool:
        return headers.is_echo and self.service.scheduler is Scheduler.ROUND_ROBIN


@dataclass
class Connection:
    """One connection as both of its directions see it."""

    service: int
    backend: int
    client: bytes
    client_port: int
    vip_port: int
    backend_port: int = 0
    our_port: int = 0  # what its packets come from, as the backend sees it
    macs: set[bytes] = field(default_factory=set)  # where the client's packets came from
    heard: dict[str, int] = field(default_factory=lambda: {"client": 0, "backend": 0})

    def hear(self, side: str, headers: Headers) -> None:
        if headers.protocol == TCP:
            self.heard[side] |= headers.flags

    @property
    def is_reset(self) -> bool:
        return bool((self.heard["client"] | self.heard["backend"]) & RST)

    @property
    def is_closed(self) -> bool:
        return self.is_reset or bool(self.heard["client"] & self.heard["backend"] & FIN)

    def is_that_of(self, other: "Connection") -> bool:
        """Is it of the same client, ports and service, whatever the backend?"""
        return (self.service, self.client, self.client_port, self.vip_port) == (
            other.service,
            other.client,
            other.client_port,
            other.vip_port,
        )


class Entry(NamedTuple):
    """What the table has for one direction of a connection."""

    connection: Connection
    is_reply: bool


Table = dict[Flow, Entry]
