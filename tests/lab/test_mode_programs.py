# SPDX-License-Identifier: BSD-2-Clause
"""iperf3, dig and dnsmasq through the balancer, over IPv4 and IPv6."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from lab.attachment import Attach
from lab.families import Family
from lab.programs import serving
from lab.stand import Lab

IPV4 = Family("10.0.0.10", "10.0.0.1", ("10.0.0.2", "10.0.0.3"))
IPV6 = Family("2001:db8::10", "2001:db8::1", ("2001:db8::2", "2001:db8::3"))
FAMILIES = pytest.mark.parametrize("family", [IPV4, IPV6], ids=str)
QUESTIONS = 50


def iperf3(lab: Lab, family: Family, *words: str) -> dict[str, Any]:
    """Run iperf3 from the client through the VIP; return what it says at the end."""
    server = ("iperf3", "--server", "--one-off", "--forceflush")
    with serving(lab, "h2", server, b"Server listening"):
        told = json.loads(
            lab.run("client", "iperf3", "--client", family.vip, "--json", *words).output
        )
    assert "error" not in told, told["error"]
    end: dict[str, Any] = told["end"]
    return end


@FAMILIES
@pytest.mark.parametrize("direction", [(), ("--reverse",)])
def test_iperf3_measures_tcp_through_the_balancer(
    dual_stack: Lab, attach: Attach, family: Family, direction: tuple[str, ...]
) -> None:
    attachment = attach(dual_stack, family.backends[0], "--port", "5201")
    size = 20_000_000
    end = iperf3(dual_stack, family, "--bytes", str(size), *direction)
    assert end["sum_sent"]["bytes"] >= size
    # At the end of a test iperf3 leaves what is still under way.
    assert end["sum_received"]["bytes"] >= size // 10
    assert attachment.drops() == {}


@FAMILIES
@pytest.mark.parametrize("direction", [(), ("--reverse",)])
def test_iperf3_measures_udp_through_the_balancer(
    dual_stack: Lab, attach: Attach, family: Family, direction: tuple[str, ...]
) -> None:
    ports = ("--port", "5201/tcp", "--port", "5201/udp")
    attachment = attach(dual_stack, family.backends[0], *ports)
    words = ("--udp", "--bytes", "1000000", "--bitrate", "20M", "--length", "1200")
    end = iperf3(dual_stack, family, *words, *direction)
    assert end["sum"]["packets"] >= 830
    # What is lost is lost in sockets of the lab, if at all: the balancer drops nothing.
    assert end["sum"]["lost_percent"] < 20
    assert attachment.drops() == {}


@contextmanager
def name_servers(lab: Lab) -> Iterator[None]:
    """Run dnsmasq on both backends; each answers who.test with its own name."""
    with ExitStack() as stack:
        for host in ("h2", "h3"):
            command = [
                *("dnsmasq", "--keep-in-foreground", "--log-facility=-", "--user=root"),
                *("--conf-file=/dev/null", "--pid-file", "--no-resolv", "--no-hosts"),
                *(f"--txt-record=who.test,{host}", "--host-record=www.test,192.0.2.80"),
                f"--txt-record=long.test,{'x' * 200},{'y' * 200},{'z' * 200}",
            ]
            stack.enter_context(serving(lab, host, command, b"started"))
        yield


def dig(lab: Lab, family: Family, *words: str) -> list[str]:
    """Ask the VIP's name service; return the answers."""
    command = ("dig", f"@{family.vip}", "+short", "+tries=1", "+timeout=10")
    return lab.run("client", *command, *words).checked().splitlines()


@FAMILIES
def test_dig_is_answered_by_real_name_servers_over_udp_and_tcp(
    dual_stack: Lab, attach: Attach, family: Family
) -> None:
    ports = ("--port", "53/udp", "--port", "53/tcp")
    attachment = attach(dual_stack, *family.backends, *ports)
    with name_servers(dual_stack):
        answers = dig(dual_stack, family, *(("who.test", "TXT") * QUESTIONS))
        assert len(answers) == QUESTIONS
        assert set(answers) == {'"h2"', '"h3"'}
        assert dig(dual_stack, family, "www.test", "A") == ["192.0.2.80"]
        answers = dig(dual_stack, family, "+tcp", *(("who.test", "TXT") * 20))
        assert len(answers) == 20
        assert set(answers) == {'"h2"', '"h3"'}
        (long,) = dig(dual_stack, family, "long.test", "TXT")
        assert long.split() == [f'"{letter * 200}"' for letter in "xyz"]
    assert attachment.drops() == {}
