# SPDX-License-Identifier: BSD-2-Clause
"""Flow events: told while somebody asks, counted when lost."""

from ipaddress import IPv4Address

from packet.balancer import CLIENT, VIP, Balancer, answer_to, client_tcp
from scapy.layers.inet import IP, TCP


def test_nothing_is_told_while_nobody_asks(lb: Balancer) -> None:
    lb.run(client_tcp())
    with lb.event_reader() as reader:
        assert list(reader.read()) == []


def test_connection_is_told_when_it_opens_and_when_it_closes(lb: Balancer) -> None:
    with lb.event_reader() as reader:
        sent = lb.run(client_tcp()).packet
        lb.run(answer_to(sent))
        lb.run(client_tcp("FA"))
        lb.run(answer_to(sent, "FA"))
        lb.run(client_tcp("A"))
        new, closed = reader.read()
    assert (new.kind, new.verdict, closed.kind, closed.verdict) == (
        "new",
        "tx_nat",
        "closed",
        "tx_reply",
    )
    for event in (new, closed):
        assert (event.client, event.client_port) == (IPv4Address(CLIENT), 40000)
        assert (event.vip, event.vip_port) == (IPv4Address(VIP), 80)
        assert (str(event.backend), event.backend_port) == (sent[IP].dst, sent[TCP].dport)
    assert new.time_ns <= closed.time_ns


def test_refused_connection_is_told_with_its_reason(empty_lb: Balancer) -> None:
    empty_lb.add_service([])
    with empty_lb.event_reader() as reader:
        empty_lb.run(client_tcp())
        (event,) = reader.read()
    assert (event.kind, event.verdict) == ("refused", "drop_no_backend")
    assert event.backend.is_unspecified


def test_events_without_room_are_counted(empty_lb: Balancer) -> None:
    empty_lb.add_service([])
    with empty_lb.event_reader() as reader:
        empty_lb.program.test_run(bytes(client_tcp()), repeat=20000)
        told = 0
        while batch := list(reader.read()):
            told += len(batch)
    lost = empty_lb.plane.switches().lost_events
    assert lost > 0
    assert told + lost == 20000
