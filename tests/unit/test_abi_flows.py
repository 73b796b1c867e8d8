# SPDX-License-Identifier: BSD-2-Clause
"""What the program writes, read in bulk."""

from ipaddress import IPv4Address
from typing import Any

from xdplb._abi import ffi, lib
from xdplb.abi import ServiceRecord, pack_address
from xdplb.abi_flows import (
    DIRECTORY,
    FLOW_COUNTER,
    NSEC_PER_SEC,
    SWITCHES,
    VERDICT_COUNTER,
    ConnectionReader,
    Directory,
    FlowEventCodec,
    Switches,
    verdict_words,
)
from xdplb.model import Counter, Protocol, Service, ServiceKey

NOW_NS = 10_000 * NSEC_PER_SEC
SYN = lib.HEARD_PACKET


def bytes_of(struct: str, **fields: Any) -> bytes:
    """Return a C struct with these fields and zeros otherwise."""
    made: Any = ffi.new(f"struct {struct} *", fields)
    return bytes(ffi.buffer(made))


def connection(**fields: Any) -> bytes:
    return bytes_of("connection", **{"last_seen_ns": NOW_NS, "idle_limit_s": 60, **fields})


def count(*values: bytes) -> tuple[dict[int, int], dict[int, int]]:
    reader = ConnectionReader(NOW_NS)
    reader.count(b"".join(values))
    return dict(reader.active), dict(reader.inactive)


def test_connections_are_counted_by_backend() -> None:
    assert count(connection(backend_id=3), connection(backend_id=3), connection(backend_id=5)) == (
        {3: 2, 5: 1},
        {},
    )


def test_entry_of_the_way_back_is_not_another_connection() -> None:
    assert count(connection(flags=lib.CONNECTION_REPLY)) == ({}, {})


def test_closed_reset_and_idle_connections_are_not_active() -> None:
    fin, reset = SYN | lib.HEARD_FIN, SYN | lib.HEARD_RESET
    closed = connection(heard_client=fin, heard_backend=fin)
    half_closed = connection(heard_client=fin, heard_backend=SYN)
    was_reset = connection(heard_client=SYN, heard_backend=reset)
    idle = connection(last_seen_ns=NOW_NS - 60 * NSEC_PER_SEC)
    assert count(half_closed) == ({0: 1}, {})
    assert count(closed, was_reset, idle) == ({}, {0: 3})


def test_keys_of_chosen_backends_are_found() -> None:
    flows = [bytes_of("flow", source_port=port) for port in range(3)]
    values = b"".join(connection(backend_id=number) for number in (1, 2, 1))
    reader = ConnectionReader(NOW_NS)
    assert reader.keys_of(frozenset([1]), b"".join(flows), values) == [flows[0], flows[2]]
    assert reader.keys_of(None, b"".join(flows), values) == flows


def test_connection_reads_as_client_vip_and_backend() -> None:
    flow: Any = ffi.new("struct flow *")
    entry: Any = ffi.new("struct connection *")
    flow.protocol, flow.source_port, flow.destination_port = 6, 0x409C, 0x5000
    ffi.buffer(entry.client)[:] = pack_address(IPv4Address("10.0.0.1"))
    entry.service_id, entry.backend_id, entry.destination_port = 3, 7, 0x901F
    entry.last_seen_ns = NOW_NS - 3 * NSEC_PER_SEC
    vip = IPv4Address("10.0.0.10")
    services = {3: ServiceRecord(Service(ServiceKey(vip, 80, Protocol.TCP)), 0, 11, 1, vip)}
    reader = ConnectionReader(NOW_NS)
    batch = bytes(ffi.buffer(flow)), bytes(ffi.buffer(entry))
    (found,) = reader.connections(*batch, services)
    assert found == (Protocol.TCP, IPv4Address("10.0.0.1"), 40000, vip, 80, 7, 8080, 3)
    assert list(reader.connections(*batch, {})) == []


def test_counters_and_switches_come_back_as_they_went() -> None:
    counter = Counter(1, 2, 3)
    assert FLOW_COUNTER.unpack(FLOW_COUNTER.pack(counter)) == counter
    assert VERDICT_COUNTER.unpack(VERDICT_COUNTER.pack(counter)) == Counter(1, 2, 0)
    assert SWITCHES.unpack(SWITCHES.pack(Switches(5, 6))) == Switches(5, 6)
    directory = Directory(tuple(range(64)), 7, 8, 9)
    assert DIRECTORY.unpack(DIRECTORY.pack(directory)) == directory


def test_verdicts_have_words_but_not_the_one_that_goes_on() -> None:
    words = verdict_words()
    assert "drop_no_backend" in words.values()
    assert {"next", "count"}.isdisjoint(words.values())
    assert sorted(words) == list(range(1, int(lib.VERDICT_COUNT)))


def test_flow_event_is_read() -> None:
    mapped = bytes(10) + b"\xff\xff"
    struct: Any = ffi.new("struct flow_event *")
    for field, host in (("client", "10.0.0.1"), ("vip", "10.0.0.10"), ("backend", "10.0.0.2")):
        ffi.buffer(getattr(struct, field))[:] = mapped + IPv4Address(host).packed
    struct.protocol, struct.kind, struct.verdict = 17, lib.FLOW_EVENT_NEW, lib.VERDICT_TX_NAT
    struct.client_port, struct.bytes = 0x409C, 90
    event = FlowEventCodec().unpack(bytes(ffi.buffer(struct)))
    assert (event.kind, event.verdict, event.protocol) == ("new", "tx_nat", Protocol.UDP)
    assert (event.client, event.client_port) == (IPv4Address("10.0.0.1"), 40000)
    assert (event.vip, event.backend, event.bytes) == (
        IPv4Address("10.0.0.10"),
        IPv4Address("10.0.0.2"),
        90,
    )
