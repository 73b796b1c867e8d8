# SPDX-License-Identifier: BSD-2-Clause
"""Packets cut short anywhere and bent in any byte of their headers."""

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packet.model_headers import read_headers
from packet.model_packets import MAC, Shape, frame_of
from packet.model_rules import Acquaintances
from packet.model_twin import Twin, open_twin
from packet.strategies import REPEATABLE, service_sets, shapes

from xdplb.model import Service

SHORTEST = 14  # TEST_RUN takes no frame shorter than an Ethernet header


@pytest.fixture(scope="module")
def twin() -> Iterator[Twin]:
    with open_twin() as twin:
        yield twin


@st.composite
def aimed(draw: st.DrawFn) -> tuple[list[Service], Shape]:
    wanted = draw(service_sets())
    return wanted, draw(shapes(wanted))


def run_all(twin: Twin, services: list[Service], frames: Iterator[bytes]) -> None:
    twin.start_anew()
    for service in services:
        twin.add_service(service)
    known = Acquaintances(twin)
    for frame in frames:
        known.check(frame, twin.run(frame))
    twin.check_verdicts()


def header_bytes(frame: bytes) -> int:
    """Return how many bytes of a frame are headers."""
    headers = read_headers(frame, MAC)
    end = 74 if isinstance(headers, str) else headers.transport + 20
    return min(end, len(frame))


def bent(frame: bytes, number: int) -> Iterator[bytes]:
    """Yield the frame with each byte of its headers turned into others, one at a time."""
    for at in range(header_bytes(frame)):
        for value in {0, 0xFF, frame[at] ^ number, frame[at] ^ 1, frame[at] - 1 & 0xFF}:
            yield frame[:at] + bytes([value]) + frame[at + 1 :]


@settings(REPEATABLE, max_examples=60)
@given(aimed())
def test_packet_cut_at_any_length_goes_as_the_model_says(
    twin: Twin, story: tuple[list[Service], Shape]
) -> None:
    services, shape = story
    frame = frame_of(shape)
    cuts = (frame[:length] for length in range(SHORTEST, len(frame) + 1))
    run_all(twin, services, cuts)


@settings(REPEATABLE, max_examples=80)
@given(aimed(), st.integers(1, 255))
def test_packet_bent_in_any_byte_goes_as_the_model_says(
    twin: Twin, story: tuple[list[Service], Shape], number: int
) -> None:
    services, shape = story
    run_all(twin, services, bent(frame_of(shape), number))
