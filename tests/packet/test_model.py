# SPDX-License-Identifier: BSD-2-Clause
"""The program does what the model says: packet in, packet out, verdict, step by step."""

from collections.abc import Iterator
from ipaddress import ip_address

import pytest
from hypothesis import given, settings
from packet.model_headers import RST, SYN, read_headers
from packet.model_packets import CLIENTS, MAC, Shape, answer_of, frame_of, mac_of
from packet.model_twin import Twin, open_twin
from packet.strategies import (
    HOSTS,
    REPEATABLE,
    Again,
    Answer,
    Mark,
    Replace,
    Send,
    Step,
    stories,
)

from xdplb.model import Backend, Protocol, Scheduler, Service, ServiceKey
from xdplb.services import WantedBackend


@pytest.fixture(scope="module")
def twin() -> Iterator[Twin]:
    with open_twin() as twin:
        yield twin


@pytest.fixture(scope="module")
def narrow() -> Iterator[Twin]:
    """Five NAT ports towards each backend: they run out soon, and every one is tried."""
    with open_twin(range(12343, 12348)) as twin:
        yield twin


class Story:
    """A history as it is told to program and model."""

    def __init__(self, twin: Twin, services: list[Service]) -> None:
        twin.start_anew()
        self.twin = twin
        self.numbers = [twin.add_service(service) for service in services]
        self.sent: list[bytes] = []
        self.left: list[bytes] = []

    def tell(self, step: Step) -> None:
        match step:
            case Send(shape):
                self.send(frame_of(shape))
            case Again(back, flags) if self.sent:
                self.send(with_flags(self.sent[-1 - back % len(self.sent)], flags))
            case Answer(back, flags) if self.left:
                self.answer(self.left[-1 - back % len(self.left)], flags)
            case Replace(place, backends):
                wanted = [WantedBackend(backend) for backend in backends]
                self.twin.set_backends(self.numbers[place], wanted)
            case Mark(place, place_of_backend, up, draining):
                self.mark(self.numbers[place], place_of_backend, up=up, draining=draining)

    def send(self, frame: bytes) -> None:
        expected = self.twin.run(frame)
        self.twin.check_verdicts()
        self.sent.append(frame)
        if expected.verdict in ("tx_nat", "tx_dnat", "tx_reply"):
            self.left.append(expected.frame)

    def answer(self, frame: bytes, flags: int) -> None:
        """Send what whoever got *frame* answers to it."""
        headers = read_headers(MAC + frame[6:], MAC)
        assert not isinstance(headers, str)
        self.send(frame_of(answer_of(frame, headers, flags)))

    def mark(self, number: int, place: int, *, up: bool, draining: bool) -> None:
        backends = sorted(self.twin.model.services[number].backends)
        if backends:
            backend = backends[place % len(backends)]
            self.twin.mark_backend(number, backend, up=up, draining=draining)


def with_flags(frame: bytes, flags: int) -> bytes:
    """Return a TCP packet with other flags, its checksum wrong by as much; others as they are."""
    headers = read_headers(frame, MAC)
    if isinstance(headers, str) or headers.protocol != 6:
        return frame
    at = headers.transport + 13
    return frame[:at] + bytes([flags]) + frame[at + 1 :]


@settings(REPEATABLE, max_examples=150)
@given(stories())
def test_history_goes_as_the_model_says(
    twin: Twin, story: tuple[list[Service], list[Step]]
) -> None:
    services, steps = story
    told = Story(twin, services)
    for step in steps:
        told.tell(step)


@settings(REPEATABLE, max_examples=100)
@given(stories())
def test_history_with_few_nat_ports_goes_as_the_model_says(
    narrow: Twin, story: tuple[list[Service], list[Step]]
) -> None:
    services, steps = story
    told = Story(narrow, services)
    for step in steps:
        told.tell(step)


def test_late_reset_of_an_earlier_connection_does_not_close_the_new_one(twin: Twin) -> None:
    """Round robin gave the same client another backend, which it keeps."""
    backends = tuple(
        Backend(address, mac=mac_of(address.packed)) for address in map(ip_address, HOSTS[4])
    )
    key = ServiceKey(ip_address("10.0.0.10"), 80, Protocol.TCP)
    told = Story(twin, [Service(key, backends, scheduler=Scheduler.ROUND_ROBIN)])
    told.tell(Send(Shape(CLIENTS[4][0], key.vip.packed, flags=SYN)))
    told.tell(Again(0, RST))
    told.tell(Again(0, SYN))
    told.tell(Answer(2, RST))
    told.tell(Again(1, SYN))
    second, last = told.left[2], told.left[4]
    assert last[:6] == second[:6] != told.left[0][:6]


@pytest.mark.parametrize("units", [240, 253, 255])
def test_transport_header_far_behind_in_a_jumbo_frame_is_found(twin: Twin, units: int) -> None:
    backend = ip_address(HOSTS[6][0])
    key = ServiceKey(ip_address("2001:db8::10"), 80, Protocol.TCP)
    told = Story(twin, [Service(key, (Backend(backend, mac=mac_of(backend.packed)),))])
    shape = Shape(CLIENTS[6][0], key.vip.packed, extensions=((60, units), (60, 1)))
    told.tell(Send(shape))
    assert twin.expected == {"tx_nat": 1}
