# SPDX-License-Identifier: BSD-2-Clause
"""`xdplb lab` as a user sees it: what it prints, its exit codes, and the demonstration."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path

import pytest
from lab.stand import NO_TRACES, Lab, names_below, start_xdplb, traces, xdplb


def test_lab_is_raised_listed_and_taken_down(prefix: str) -> None:
    raised = xdplb("lab", "up", "two-clients", "--prefix", prefix).checked()
    assert "every host reaches every other: 20 of 20 answered" in raised
    assert f"xdplb lab down two-clients --prefix {prefix}" in raised
    labs = json.loads(xdplb("lab", "list", "--json").checked())
    (lab,) = (one for one in labs if one["prefix"] == prefix)
    assert lab["state"] == "up"
    assert lab["name"] == f"{prefix}two-clients"
    (client2,) = (one for one in lab["hosts"] if one["name"] == "client2")
    assert client2["namespace"] == f"{prefix}client2"
    assert client2["interfaces"][0]["addresses"] == ["10.0.0.4/24"]
    assert f"{prefix}client2" in xdplb("lab", "list").checked()
    assert "is down" in xdplb("lab", "down", "--prefix", prefix).checked()
    assert traces(prefix) == NO_TRACES


def test_topologies_that_are_not_up_are_listed_too() -> None:
    labs = json.loads(xdplb("lab", "list", "--json").checked())
    known = {one["topology"] for one in labs}
    assert {"tutorial", "two-clients"} <= known


def test_lab_that_is_up_is_refused_with_the_command_that_helps(lab: Lab) -> None:
    prefix = lab.record.prefix
    answer = xdplb("lab", "up", "--prefix", prefix)
    assert answer.code == 1
    assert f"is up already; take it down first: xdplb lab down tutorial --prefix {prefix}" in (
        answer.complaint
    )


def test_lab_that_is_not_up_is_not_taken_down(prefix: str) -> None:
    answer = xdplb("lab", "down", "--prefix", prefix)
    assert answer.code == 1
    assert "is not up; what is up: xdplb lab list" in answer.complaint


def test_faulty_topology_is_a_wrong_use_with_all_its_faults(prefix: str, tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text("switches: {a: {}}\nhosts: {one: {interfaces: {e: {switch: b, mac: 3}}}}\n")
    answer = xdplb("lab", "up", str(file), "--prefix", prefix)
    assert answer.code == 2
    assert "bad.yaml: 2 faults" in answer.complaint
    assert "hosts.one.interfaces.e.mac: 3 is not a MAC" in answer.complaint
    assert "hosts.one.interfaces.e.switch: b: no such switch" in answer.complaint
    assert traces(prefix) == NO_TRACES


@pytest.mark.parametrize("code", [0, 1, 42, 255])
def test_exec_ends_with_the_exit_code_of_its_command(lab: Lab, code: int) -> None:
    words = ("lab", "exec", "--prefix", lab.record.prefix, "client", "sh", "-c", f"exit {code}")
    assert xdplb(*words).code == code


def test_exec_gives_options_after_the_host_to_the_command(lab: Lab) -> None:
    words = ("--prefix", lab.record.prefix, "client", "ip", "-j", "addr", "show", "veth0")
    (link,) = json.loads(xdplb("lab", "exec", *words).checked())
    assert link["addr_info"][0]["local"] == "10.0.0.1"


def test_exec_does_not_hide_the_bpf_filesystem(lab: Lab) -> None:
    words = ("--prefix", lab.record.prefix, "lb", "stat", "-f", "-c", "%T", "/sys/fs/bpf")
    assert xdplb("lab", "exec", *words).checked() == "bpf_fs\n"


def test_exec_leaves_sigpipe_as_a_shell_has_it(lab: Lab) -> None:
    status = xdplb(
        "lab", "exec", "--prefix", lab.record.prefix, "client", "cat", "/proc/self/status"
    )
    (ignored,) = re.findall(r"^SigIgn:\s*(\w+)$", status.checked(), re.MULTILINE)
    assert not int(ignored, 16) & 1 << (signal.SIGPIPE - 1)


def test_exec_of_what_is_not_there_says_so(lab: Lab) -> None:
    prefix = lab.record.prefix
    host = xdplb("lab", "exec", "--prefix", prefix, "h9", "true")
    assert host.code == 1
    assert "h9: no such host in the lab; there are: switch, client, h2, h3, lb" in host.complaint
    command = xdplb("lab", "exec", "--prefix", prefix, "client", "no-such-command")
    assert command.code == 127
    assert "no-such-command: cannot be run: No such file or directory" in command.complaint


@pytest.fixture
def apart(tmp_path: Path) -> str:
    """Give out a topology whose hosts have no network in common and so never reach each other."""
    file = tmp_path / "apart.yaml"
    file.write_text(
        "switches: {s: {}}\nhosts:\n"
        '  a: {interfaces: {e: {switch: s, mac: "02:00:00:00:00:01", addresses: [10.1.0.1/24]}}}\n'
        '  b: {interfaces: {e: {switch: s, mac: "02:00:00:00:00:02", addresses: [10.2.0.1/24]}}}\n'
    )
    return str(file)


def test_sigterm_while_raising_undoes_what_was_made(prefix: str, apart: str) -> None:
    running = start_xdplb("lab", "up", apart, "--prefix", prefix)
    assert running.stdout is not None
    assert "2 hosts stand" in running.stdout.readline()
    running.send_signal(signal.SIGTERM)
    running.communicate(timeout=20)
    assert running.returncode == 128 + signal.SIGTERM
    assert traces(prefix) == NO_TRACES


def test_hosts_that_do_not_reach_each_other_fail_the_raising(prefix: str, apart: str) -> None:
    answer = xdplb("lab", "up", apart, "--prefix", prefix)
    assert answer.code == 1
    assert "a -> b (10.2.0.1), b -> a (10.1.0.1)" in answer.complaint
    assert traces(prefix) == NO_TRACES


def test_attachment_in_the_lab_goes_with_it(prefix: str) -> None:
    xdplb("lab", "up", "--prefix", prefix).checked()
    xdplb("attach", "veth6", "10.0.0.2", "10.0.0.3", "--netns", f"{prefix}lb").checked()
    assert names_below("/sys/fs/bpf/xdplb", prefix) == [f"{prefix}lb:veth6"]
    told = xdplb("lab", "down", "--prefix", prefix).checked()
    assert f"{prefix}lb:veth6: a balancer was attached there; it went with the lab" in told
    assert traces(prefix) == NO_TRACES


def test_demo_shows_how_200_requests_were_spread_and_leaves_nothing(prefix: str) -> None:
    shown = xdplb("lab", "demo", "--prefix", prefix).checked()
    assert f"200 requests sent from {prefix}client, all answered" in shown
    counts = [int(one) for one in re.findall(r"^ +h[23] +(\d+) +\d+%", shown, re.MULTILINE)]
    assert len(counts) == 4
    assert sum(counts[:2]) == sum(counts[2:]) == 100
    # Both are asked: 100 connections all to one of two has a chance of 1 in 2^99.
    assert all(counts[:2])
    assert "\x1b[" not in shown, "no colours where nobody sees them"
    assert traces(prefix) == NO_TRACES


def test_demo_leaves_a_lab_alone_that_is_up_and_says_so(lab: Lab, prefix: str) -> None:
    beside = f"lab {lab.record.name} is up and is left alone"
    assert beside in xdplb("lab", "demo", "--prefix", prefix).checked()
    assert lab.get("client", "http://10.0.0.2/name") == "h2\n"


def test_demo_that_fails_leaves_nothing(prefix: str) -> None:
    answer = xdplb("lab", "demo", "--prefix", prefix, environment={"PATH": "/nowhere"})
    assert answer.code == 1
    assert "curl: not found; install it: apt-get install curl" in answer.complaint
    assert traces(prefix) == NO_TRACES


def test_labs_raised_and_taken_down_at_once_do_not_get_in_each_others_way(prefix: str) -> None:
    prefixes = [f"{prefix}{number}-" for number in range(3)]
    for words in (("up", "tutorial"), ("down",)):
        running = [start_xdplb("lab", *words, "--prefix", one) for one in prefixes]
        ended = [(one.communicate(timeout=30), one.returncode) for one in running]
        assert [code for _, code in ended] == [0, 0, 0], ended
    assert traces(prefix) == NO_TRACES
