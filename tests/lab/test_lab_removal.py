# SPDX-License-Identifier: BSD-2-Clause
"""A lab goes without a rest: when asked to, when raising it fails, and when that was killed."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab.stand import NO_TRACES, RaiseLab, traces

from xdplb.bpf import Program, XdpMode
from xdplb.lab import lifecycle
from xdplb.lab.errors import LabError
from xdplb.lab.finding import find_lab
from xdplb.lab.lifecycle import raise_lab, take_down
from xdplb.lab.namespaces import create_namespace, delete_namespace
from xdplb.lab.processes import StartedServers, start_in
from xdplb.lab.reading import find_topology
from xdplb.lab.topology import Topology

# What raising a lab consists of, by the name it has in the module that does it.
STEPS = ["create_namespace", "set_up_switch", "set_up_host", "plug_in", "finish_host"]
STEPS += ["check_reachability", "StartedServers"]


@pytest.fixture(scope="module")
def tutorial() -> Topology:
    return find_topology("tutorial")


def test_lab_taken_down_leaves_nothing(tutorial: Topology, prefix: str) -> None:
    record = raise_lab(tutorial, prefix)
    assert len(traces(prefix)["namespaces"]) == 5
    assert len(traces(prefix)["servers"]) == 2
    assert take_down(record) == []
    assert traces(prefix) == NO_TRACES


def test_settings_of_the_machine_are_not_touched(tutorial: Topology, prefix: str) -> None:
    before = machine_settings()
    take_down(raise_lab(tutorial, prefix))
    assert machine_settings() == before


def machine_settings() -> dict[str, str]:
    names: tuple[str, ...] = (
        "ipv4/ip_forward",
        "ipv4/conf/all/rp_filter",
        "ipv4/conf/default/rp_filter",
    )
    names += ("ipv4/conf/all/send_redirects", "ipv4/conf/default/arp_ignore")
    names += ("ipv6/conf/all/forwarding", "ipv6/conf/all/disable_ipv6")
    names += ("ipv6/conf/default/disable_ipv6", "ipv6/conf/default/accept_dad")
    return {name: Path("/proc/sys/net", name).read_text() for name in names}


@pytest.mark.parametrize("step", STEPS)
def test_failed_step_of_raising_undoes_the_steps_before(
    tutorial: Topology, prefix: str, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise LabError("the kernel refuses")

    monkeypatch.setattr(lifecycle, step, refuse)
    with pytest.raises(LabError, match="the kernel refuses"):
        raise_lab(tutorial, prefix)
    assert traces(prefix) == NO_TRACES


def test_interrupted_raising_undoes_what_was_made(
    tutorial: Topology, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: StartedServers) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(StartedServers, "keep", interrupt)
    with pytest.raises(KeyboardInterrupt):
        raise_lab(tutorial, prefix)
    assert traces(prefix) == NO_TRACES


KILLED = """
import os, signal
from xdplb.lab import lifecycle
from xdplb.lab.reading import find_topology

def then_die(step):
    def call(*arguments):
        step(*arguments)
        os.kill(os.getpid(), signal.SIGKILL)
    return call

owner, name = {owner}, "{name}"
setattr(owner, name, then_die(getattr(owner, name)))
lifecycle.raise_lab(find_topology("tutorial"), "{prefix}")
"""


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        *(("lifecycle", step) for step in STEPS[:-1]),
        ("lifecycle.LabRecord", "save"),
        ("lifecycle.StartedServers", "wait_until_ready"),
        ("lifecycle.StartedServers", "keep"),
    ],
)
def test_lab_whose_raising_was_killed_is_taken_down(prefix: str, owner: str, name: str) -> None:
    code = KILLED.format(owner=owner, name=name, prefix=prefix)
    killed = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    with pytest.raises(LabError, match=f"half up.*xdplb lab down tutorial --prefix {prefix}"):
        raise_lab(find_topology("tutorial"), prefix)
    take_down(find_lab(None, prefix))
    wait_for_servers_without_a_lab(prefix)
    assert traces(prefix) == NO_TRACES


def wait_for_servers_without_a_lab(prefix: str) -> None:
    """Those that no record knew yet end by themselves, as soon as they read that nobody speaks."""
    for pid in traces(prefix)["servers"]:
        try:
            descriptor = os.pidfd_open(int(pid))
        except ProcessLookupError:
            continue
        assert select.select([descriptor], [], [], 10)[0], f"server {pid} stays"
        os.close(descriptor)


def test_lab_that_is_up_is_not_raised_again(tutorial: Topology, prefix: str) -> None:
    raise_lab(tutorial, prefix)
    with pytest.raises(LabError, match=f"is up already.*xdplb lab down tutorial --prefix {prefix}"):
        raise_lab(tutorial, prefix)
    with pytest.raises(LabError, match=f"lab {prefix}tutorial has it"):
        raise_lab(find_topology("two-clients"), prefix)
    assert traces(prefix)["states"] == [f"{prefix}tutorial"]


@pytest.fixture
def foreign(prefix: str) -> Iterator[str]:
    """Give out a namespace that has a name the lab would take, and belongs to somebody else."""
    name = f"{prefix}h3"
    subprocess.run(["ip", "netns", "add", name], check=True)
    yield name
    subprocess.run(["ip", "netns", "delete", name], check=True)


def test_namespace_of_somebody_else_is_left_alone(
    tutorial: Topology, prefix: str, foreign: str
) -> None:
    with pytest.raises(LabError, match=f"namespace {foreign}: exists and is no lab's"):
        raise_lab(tutorial, prefix)
    assert traces(prefix)["namespaces"] == [foreign]
    assert traces(prefix)["states"] == []


def test_namespace_made_by_somebody_else_meanwhile_survives_the_undoing(
    tutorial: Topology, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def overtaken(name: str, lab: str) -> None:
        if name.endswith("h3"):
            create_namespace(name, "")
        create_namespace(name, lab)

    monkeypatch.setattr(lifecycle, "create_namespace", overtaken)
    with pytest.raises(LabError, match="somebody has just made one"):
        raise_lab(tutorial, prefix)
    assert traces(prefix)["namespaces"] == [f"{prefix}h3"]
    delete_namespace(f"{prefix}h3")


def test_lab_that_is_not_up_is_not_taken_down(prefix: str) -> None:
    with pytest.raises(LabError, match=f"lab {prefix}tutorial: is not up"):
        find_lab("tutorial", prefix)


def test_process_that_keeps_a_namespace_is_told_and_left_alone(
    tutorial: Topology, prefix: str
) -> None:
    record = raise_lab(tutorial, prefix)
    with start_in(f"{prefix}client", ["cat"], stdin=subprocess.PIPE) as guest:
        (note,) = take_down(record)
        assert (
            note
            == f"{prefix}client: process {guest.pid} (cat) is still in there and keeps it; end it"
        )
        assert guest.poll() is None
    assert traces(prefix) == NO_TRACES


def test_link_that_a_lab_had_is_gone_before_its_namespace_is(raised: RaiseLab, prefix: str) -> None:
    """A process that stays in a host must not keep the wire and what is attached to it."""
    lab = raised(find_topology("tutorial").document)
    with (
        start_in(f"{prefix}lb", ["cat"], stdin=subprocess.PIPE) as guest,
        Program.from_instructions(bytes.fromhex("b700000002000000 9500000000000000")) as passing,
        passing.attach_xdp("veth6", mode=XdpMode.NATIVE, netns=f"{prefix}lb") as link,
    ):
        assert link.info.ifindex != 0
        take_down(lab.record)
        assert link.info.ifindex == 0, "severed"
        assert guest.poll() is None
