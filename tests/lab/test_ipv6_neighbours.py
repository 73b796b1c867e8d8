# SPDX-License-Identifier: BSD-2-Clause
"""Where packets to IPv6 backends go: MACs that nobody has named."""

from __future__ import annotations

import json

import pytest
from lab.attachment import Attach, Attachment
from lab.families import Family, names_of_answers
from lab.stand import Lab

IPV6 = Family("2001:db8::10", "2001:db8::1", ("2001:db8::2", "2001:db8::3"))
MACS = {"2001:db8::2": "de:ad:be:ef:00:02", "2001:db8::3": "de:ad:be:ef:00:03"}


@pytest.fixture
def forgetful(dual_stack: Lab) -> Lab:
    """Give out the lab, whose balancer's host knows no neighbour."""
    dual_stack.run("lb", "ip", "-6", "neigh", "flush", "dev", "veth6").checked()
    known = json.loads(dual_stack.run("lb", "ip", "-j", "-6", "neigh").checked())
    assert not [one for one in known if "lladdr" in one and one["dst"] in MACS]
    return dual_stack


def macs_of(attachment: Attachment) -> dict[str, str | None]:
    """Return backend → MAC."""
    listed = json.loads(attachment.xdplb("backend", "list", "--json"))
    return {one["address"]: one["mac"] for one in listed}


def test_attach_asks_for_macs_that_the_host_does_not_know(forgetful: Lab, attach: Attach) -> None:
    attachment = attach(forgetful, *IPV6.backends, "--port", "80")
    assert macs_of(attachment) == MACS
    assert set(names_of_answers(forgetful, IPV6, 40)) == {"h2", "h3"}


def test_backend_add_asks_too(forgetful: Lab, attach: Attach) -> None:
    attachment = attach(forgetful, f"{IPV6.backends[0]}@{MACS[IPV6.backends[0]]}", "--port", "80")
    attachment.xdplb("backend", "add", f"{IPV6.host}:80/tcp", IPV6.backends[1])
    assert macs_of(attachment) == MACS


def test_backend_that_nobody_answers_for_is_told(forgetful: Lab, attach: Attach) -> None:
    attachment = attach(forgetful, f"{IPV6.backends[0]}@{MACS[IPV6.backends[0]]}", "--port", "80")
    running = attachment.start("backend", "add", f"{IPV6.host}:80/tcp", "2001:db8::78")
    _, complaint = running.communicate(timeout=20)
    assert running.returncode == 0
    assert macs_of(attachment)["2001:db8::78"] is None
    assert "2001:db8::78: nobody answers for it on veth6" in complaint


def test_backend_behind_a_gateway_gets_the_gateways_mac(forgetful: Lab, attach: Attach) -> None:
    """Routers are known by their link-local address, as a rule."""
    h2 = json.loads(forgetful.run("h2", "ip", "-j", "-6", "addr", "show", "veth0").checked())
    (link_local,) = (one["local"] for one in h2[0]["addr_info"] if one["scope"] == "link")
    route = ("2001:db8:7::/64", "via", link_local, "dev", "veth6")
    forgetful.run("lb", "ip", "-6", "route", "add", *route).checked()
    try:
        attachment = attach(forgetful, "2001:db8:7::5", "--port", "80")
        assert macs_of(attachment) == {"2001:db8:7::5": MACS["2001:db8::2"]}
    finally:
        forgetful.run("lb", "ip", "-6", "route", "del", *route).checked()
