# SPDX-License-Identifier: BSD-2-Clause
"""What is attached stays without a process, and is seen from outside with bpftool."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from ipaddress import IPv6Address
from typing import Any

import pytest
from lab.attachment import INTERFACE, VIP, Attachment
from lab.outside import XDPLB, bpftool, run
from lab.stand import Lab

BACKEND_IS_THERE_AND_UP = 3


@pytest.fixture(scope="module")
def left_behind(lab: Lab) -> Iterator[Attachment]:
    """Give out what is attached by the very command that a newcomer types, and has ended."""
    attachment = Attachment(lab)
    words = (XDPLB, "attach", INTERFACE, "10.0.0.2", "10.0.0.3")
    try:
        told = run("ip", "netns", "exec", attachment.namespace, *words)
        assert f"undo it with: xdplb detach {INTERFACE} --netns {attachment.namespace}" in told
        yield attachment
    finally:
        attachment.detach()


def test_attachment_made_under_ip_netns_exec_is_there_afterwards(left_behind: Attachment) -> None:
    """`ip netns exec` hides /sys/fs/bpf behind a mount that goes when the command ends."""
    pins = {one.name for one in left_behind.pins.iterdir()}
    assert {"link", "program", "backends", "services", "slots", "connections"} <= pins
    link = bpftool("link", "show", "pinned", str(left_behind.pins / "link"))
    shown = json.loads(left_behind.lab.run("lb", "ip", "-j", "-d", "link").checked())
    (veth,) = (one for one in shown if one["ifname"] == INTERFACE)
    assert veth["xdp"]["prog"]["id"] == link["prog_id"]


def test_attachment_made_under_ip_netns_exec_balances(left_behind: Attachment) -> None:
    url = f"http://{VIP}/name?[1-100]"
    names = left_behind.lab.get("client", url, "--header", "Connection: close").split()
    assert len(names) == 100
    assert set(names) == {"h2", "h3"}


def test_bpftool_map_dump_shows_address_mac_port_and_flags_of_each_backend(
    left_behind: Attachment,
) -> None:
    dumped = bpftool("map", "dump", "pinned", str(left_behind.pins / "backends"))
    records = [entry["formatted"]["value"] for entry in dumped]
    used = [record for record in records if record["flags"]]
    # Any TCP port and any UDP port are two services, with two backends each.
    assert sorted((address_of(one), mac_of(one), one["port"], one["flags"]) for one in used) == [
        ("10.0.0.2", "de:ad:be:ef:00:02", 0, BACKEND_IS_THERE_AND_UP),
        ("10.0.0.2", "de:ad:be:ef:00:02", 0, BACKEND_IS_THERE_AND_UP),
        ("10.0.0.3", "de:ad:be:ef:00:03", 0, BACKEND_IS_THERE_AND_UP),
        ("10.0.0.3", "de:ad:be:ef:00:03", 0, BACKEND_IS_THERE_AND_UP),
    ]


def address_of(record: dict[str, Any]) -> str:
    """Return the address of four words that bpftool has printed in this machine's byte order."""
    words = b"".join(word.to_bytes(4, sys.byteorder) for word in record["address"])
    return str(IPv6Address(words).ipv4_mapped)


def mac_of(record: dict[str, Any]) -> str:
    return bytes(record["mac"]).hex(":")


def test_plain_output_of_bpftool_names_the_fields(left_behind: Attachment) -> None:
    dumped = run("bpftool", "map", "dump", "pinned", str(left_behind.pins / "backends"))
    for field in ('"address":', '"mac":', '"port":', '"flags":'):
        assert field in dumped


def test_attachment_made_from_inside_is_worked_from_outside_and_the_other_way_round(
    left_behind: Attachment,
) -> None:
    inside = ("ip", "netns", "exec", left_behind.namespace, XDPLB)
    left_behind.xdplb("backend", "remove", "any", "10.0.0.3")
    assert left_behind.lab.get("client", f"http://{VIP}/name?[1-20]").split() == ["h2"] * 20
    run(*inside, "backend", "add", "any", "10.0.0.3", "-i", INTERFACE)
    assert left_behind.backends() == {"10.0.0.2", "10.0.0.3"}
    told = json.loads(run(*inside, "status", "--json", "-i", INTERFACE))
    assert left_behind.status() in told, "others may be attached on this machine"
