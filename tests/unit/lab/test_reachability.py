# SPDX-License-Identifier: BSD-2-Clause
"""Who is asked whether he reaches whom, and the checksum of the question."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from scapy.utils import checksum

from xdplb.lab.reachability import internet_checksum, questions
from xdplb.lab.reading import find_topology


@given(st.binary(max_size=64))
def test_internet_checksum_is_what_scapy_computes(data: bytes) -> None:
    assert internet_checksum(data) == checksum(data)


def test_each_host_of_the_tutorial_is_asked_about_each_other() -> None:
    pairs = {(one.asking, one.asked) for one in questions(find_topology("tutorial"))}
    hosts = ("client", "h2", "h3", "lb")
    assert pairs == {(one, other) for one in hosts for other in hosts if one != other}
