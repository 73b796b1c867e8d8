# SPDX-License-Identifier: BSD-2-Clause
"""The data plane again, in plain Python, from docs/packet.md: what a packet should become.

Nothing is copied from the program but two free choices of its, and those only after a look
whether they are allowed: the port towards a backend in mode nat, and which of the MACs that a
client's packets came from an answer goes to.
"""

from typing import NamedTuple

from packet.model_headers import RST, TCP, UDP, Flow, Headers, read_headers, word
from packet.model_output import (
    Translation,
    can_be_summed,
    readdress,
    translate,
    wrap_gue,
    wrap_ipip,
)
from packet.model_state import Connection, Entry, ModelService, Slot, Table

from xdplb.abi import BackendRecord
from xdplb.model import Mode, Scheduler


class Expected(NamedTuple):
    """A verdict as its counter is called, and what the frame is then."""

    verdict: str
    frame: bytes


class Final(Exception):  # noqa: N818
    """A packet ends here, untouched, with this verdict."""


class Model:
    """Services and connections; :meth:`step` is the packet's way."""

    def __init__(self, mac: bytes, seed: int, nat_ports: range) -> None:
        self.mac = mac
        self.seed = seed
        self.nat_ports = nat_ports
        self.services: dict[int, ModelService] = {}
        self.table: Table = {}

    def step(self, frame: bytes, seen: bytes) -> Expected:
        """Return what should become of *frame*, of which the program made *seen*."""
        headers = read_headers(frame, self.mac)
        if isinstance(headers, str):
            return Expected(headers, frame)
        try:
            return Walk(self, frame, headers, seen).walk()
        except Final as final:
            return Expected(str(final), frame)

    def backends(self) -> dict[int, tuple[ModelService, BackendRecord]]:
        """Return backend id → its service and itself."""
        return {n: (s, r) for s in self.services.values() for n, r in s.backends.items()}

    def forget(self, backends: set[int]) -> None:
        """Forget the connections of backends that were taken away."""
        left = {f: e for f, e in self.table.items() if e.connection.backend not in backends}
        self.table = left

    def find_service(self, headers: Headers) -> ModelService | None:
        """A service's own port goes before any port; an answer to a ping asks for no service."""
        if headers.is_echo_reply:
            return None
        wanted = (headers.destination, headers.protocol)
        found = {
            s.service.key.port: s
            for s in self.services.values()
            if (s.vip, s.service.key.protocol_number) == wanted
        }
        return found.get(headers.destination_port) or found.get(0)

    def find_source(self, headers: Headers) -> tuple[ModelService, int] | None:
        """Return the dnat service, and the backend of it, that a packet is from."""
        wanted = (headers.source, headers.protocol)
        found = {}
        for service in self.services.values():
            key = service.service.key
            for number, record in service.backends.items():
                address = record.backend.address.packed
                if service.service.mode is Mode.DNAT and (address, key.protocol_number) == wanted:
                    found[record.backend.port or key.port] = (service, number)
        return found.get(headers.source_port) or found.get(0)


class Walk:
    """One packet on its way."""

    def __init__(self, model: Model, frame: bytes, headers: Headers, seen: bytes) -> None:
        self.model = model
        self.frame = frame
        self.headers = headers
        self.seen = seen

    def walk(self) -> Expected:
        headers = self.headers
        if headers.destination_port in self.model.nat_ports and (back := self.way_back()):
            return self.send_back(back)
        if service := self.model.find_service(headers):
            if service.service.mode.translates:
                return self.send_translated(service)
            return self.send_on(service)
        source = self.model.find_source(headers)
        if source is None:
            raise Final("pass_no_service")
        if back := self.way_back():
            return self.send_back(back)
        if headers.protocol != UDP:
            raise Final("pass_no_service")
        return self.speak_first(*source)

    # --- the way back -------------------------------------------------------------------------

    def way_back(self) -> Connection | None:
        entry = self.model.table.get(self.headers.flow)
        return entry.connection if entry and entry.is_reply else None

    def refuse_last_hop(self) -> None:
        if self.headers.ttl <= 1:
            raise Final("drop_ttl_expired")

    def send_back(self, connection: Connection) -> Expected:
        self.refuse_last_hop()
        connection.hear("backend", self.headers)
        service = self.model.services[connection.service]
        mac = self.seen[:6] if self.seen[:6] in connection.macs else min(connection.macs)
        ports = (connection.vip_port, connection.client_port)
        to = Translation(service.vip, connection.client, *ports, mac)
        return Expected("tx_reply", translate(self.frame, self.headers, to))

    def speak_first(self, service: ModelService, backend: int) -> Expected:
        """A backend of mode dnat speaks to a client: as if that had asked."""
        there = self.headers
        request = there._replace(
            source=there.destination,
            source_port=there.destination_port,
            destination=service.vip,
            destination_port=service.service.key.port or there.source_port,
        )
        known = self.model.table.get(request.flow)
        if known and not known.is_reply and known.connection.backend != backend:
            raise Final("drop_other_backend")
        return self.send_back(self.associate(request, service, backend))

    # --- nat and dnat -------------------------------------------------------------------------

    def recall(self, service: ModelService) -> Connection | None:
        """Return the connection the flow is remembered with, if its backend may go on."""
        entry = self.model.table.get(self.headers.flow)
        if service.is_request_by_itself(self.headers) or entry is None or entry.is_reply:
            return None
        record = service.backends.get(entry.connection.backend)
        if record is None or not record.up:
            return None
        if self.headers.is_syn and (record.draining or entry.connection.is_closed):
            return None
        return entry.connection

    def send_translated(self, service: ModelService) -> Expected:
        self.refuse_last_hop()
        connection = self.recall(service) or self.begin(service)
        record = service.backends[connection.backend]
        if record.backend.mac is None:
            raise Final("drop_no_neighbour")
        connection.hear("client", self.headers)
        connection.macs.add(self.frame[6:12])
        is_nat = service.service.mode is Mode.NAT
        to = Translation(
            service.nat_address if is_nat else self.headers.source,
            record.backend.address.packed,
            connection.our_port,
            connection.backend_port,
            record.backend.mac,
        )
        verdict = f"tx_{service.service.mode.value}"
        return Expected(verdict, translate(self.frame, self.headers, to))

    def begin(self, service: ModelService) -> Connection:
        if self.headers.protocol == TCP and self.headers.flags & RST:
            raise Final("drop_no_connection")
        if not service.has_backends:
            raise Final("drop_no_backend")
        chosen = service.slot_of(self.headers, self.model.seed).current
        if chosen not in service.backends or not service.backends[chosen].up:
            raise Final("drop_no_backend")
        if service.backends[chosen].backend.mac is None:
            raise Final("drop_no_neighbour")
        return self.associate(self.headers, service, chosen)

    def associate(self, request: Headers, service: ModelService, backend: int) -> Connection:
        """Remember both directions of what begins with *request*."""
        new = Connection(
            service.number, backend, request.source, request.source_port, request.destination_port
        )
        new.macs.add(self.frame[6:12])
        record = service.backends[backend].backend
        new.backend_port = record.port or request.destination_port
        is_nat = service.service.mode is Mode.NAT
        ours = service.nat_address if is_nat else request.source
        answers = (record.address.packed, ours, new.backend_port)
        candidates = self.model.nat_ports if is_nat else [request.source_port]
        new.our_port = self.find_port(new, answers, request.protocol, candidates)
        self.model.table[(*answers, new.our_port, request.protocol)] = Entry(new, True)
        self.model.table[request.flow] = Entry(new, False)
        return new

    def find_port(
        self,
        new: Connection,
        answers: tuple[bytes, bytes, int],
        protocol: int,
        candidates: "range | list[int]",
    ) -> int:
        """Return the port that the program chose if it may, or else one that it might have."""

        def is_free(port: int) -> bool:
            flow: Flow = (*answers, port, protocol)
            entry = self.model.table.get(flow)
            if entry is None or entry.connection.is_reset:
                return True
            return entry.is_reply and entry.connection.is_that_of(new)

        at = self.headers.transport + 4 * self.headers.is_echo
        chosen = word(self.seen, at)
        if chosen in candidates and is_free(chosen):
            return chosen
        for port in candidates:
            if is_free(port):
                return port
        raise Final("drop_no_nat_port")

    # --- dsr, ipip and gue --------------------------------------------------------------------

    def send_on(self, service: ModelService) -> Expected:
        if not service.has_backends:
            raise Final("drop_no_backend")
        number = self.steer(service)
        record = service.backends.get(number)
        if record is None or not record.up:
            raise Final("drop_no_backend")
        if record.backend.mac is None:
            raise Final("drop_no_neighbour")
        return self.send_as_it_is(service, record.backend.address.packed, record.backend.mac)

    def steer(self, service: ModelService) -> int:
        """Return the backend of the flow; who is new where it matters is remembered."""
        is_round = service.service.scheduler is Scheduler.ROUND_ROBIN
        slot = Slot(0, None) if is_round else service.slot_of(self.headers, self.model.seed)
        if not is_round and slot.previous is None:
            return slot.current
        if known := self.recall(service):
            return known.backend
        if is_round:
            slot = service.slot_of(self.headers, self.model.seed)
        before = service.backends.get(-1 if slot.previous is None else slot.previous)
        if slot.previous is not None and before and before.up and not self.headers.is_syn:
            return slot.previous
        record = service.backends.get(slot.current)
        if record and record.up and not service.is_request_by_itself(self.headers):
            flow = self.headers.flow
            new = Connection(service.number, slot.current, flow[0], flow[2], flow[3])
            self.model.table[flow] = Entry(new, False)
        return slot.current

    def send_as_it_is(self, service: ModelService, destination: bytes, mac: bytes) -> Expected:
        mode = service.service.mode
        verdict = f"tx_{mode.value}"
        if mode is Mode.DSR:
            return Expected(verdict, readdress(self.frame, mac))
        hashed = service.hash_of(self.headers, self.model.seed)
        if mode is Mode.IPIP:
            out = wrap_ipip(self.frame, self.headers, destination, mac, hashed)
            return Expected(verdict, out)
        if len(destination) == 16 and not can_be_summed(self.frame, self.headers):
            raise Final("drop_no_checksum")
        return Expected(verdict, wrap_gue(self.frame, self.headers, destination, mac, hashed))
