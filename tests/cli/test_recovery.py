# SPDX-License-Identifier: BSD-2-Clause
"""What killed processes and vanished interfaces leave, and who cleans it up."""

import os
import signal
import subprocess

import pytest
from cli.stand import BACKENDS, PATIENCE_S, VIP, WEB, XDPLB, Stand, run, wait_until

from xdplb.bpf import XdpMode, query_xdp
from xdplb.namespace import AttachmentName
from xdplb.state import State


def test_attach_killed_before_its_last_step_is_cleaned_by_the_next(attached: Stand) -> None:
    """Everything is there and the program runs, but under the name of what is being built."""
    state, folder = State(), attached.folder()
    folder.rename(state.aside(folder.name))
    assert attached.ok("status", "--json").json == []
    attached.attach(*BACKENDS, "--port", "80", "--replace")
    assert set(attached.ask(30)) == {"h2", "h3"}
    attached.ok("detach", "veth6")
    assert attached.traces()["pins"] == []


def test_detach_killed_after_the_link_is_finished_by_the_next(attached: Stand) -> None:
    with State().lock():
        os.unlink(attached.folder().pin("link"))
    assert query_xdp("veth6", netns=attached.lb).mode is None
    assert attached.xdplb("status").code == 0
    attached.ok("detach", "veth6")
    assert attached.traces()["pins"] == []


@pytest.mark.parametrize("step", ["aside", "pinned"])
def test_attach_killed_at_some_step_leaves_nothing_that_matters(stand: Stand, step: str) -> None:
    before = stand.traces()
    aside = State().aside(AttachmentName("veth6", stand.lb))
    reached = aside.exists if step == "aside" else lambda: os.path.exists(aside.pin("program"))
    words = [XDPLB, "attach", "veth6", *BACKENDS, "--netns", stand.lb]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL) as process:
        wait_until(lambda: reached() or process.poll() is not None, "attach is under way", 0)
        process.send_signal(signal.SIGKILL)
        process.wait(PATIENCE_S)
    stand.attach(*BACKENDS, "--replace")
    stand.ok("detach", "veth6")
    assert stand.traces() == before


def test_service_of_a_killed_writer_is_removed_by_the_next(attached: Stand) -> None:
    """A service that packets cannot find yet, as it is before its last step."""
    attached.ok("service", "add", f"{VIP}:81/tcp", *BACKENDS)
    with attached.plane() as plane:
        for place, number in plane.index().items():
            if number == 1:
                plane.put_index(place, None)
    attached.ok("backend", "set", WEB, "10.0.0.2", "--weight", "2")
    with attached.plane() as plane:
        assert list(plane.services()) == [0]
        assert {record.service_id for record in plane.backends().values()} == {0}


def delete_interface(stand: Stand) -> None:
    assert stand.inside("ip", "link", "del", "veth6").code == 0


def test_pins_of_an_interface_that_is_gone_are_shown_and_can_be_detached(attached: Stand) -> None:
    delete_interface(attached)
    assert attached.status()["xdp_mode"] is None
    assert "its interface is gone" in attached.ok("status").output
    attached.ok("detach", "veth6")
    assert not attached.folder().exists()


def test_interface_that_came_back_can_be_attached_again(attached: Stand) -> None:
    delete_interface(attached)
    pair = f"ip -n {attached.lb} link add veth6 type veth peer name away"
    assert run(*pair.split()).code == 0
    attached.attach(*BACKENDS, "--vip", VIP)
    assert query_xdp("veth6", netns=attached.lb).mode is XdpMode.NATIVE


def start(stand: Stand, *words: str) -> "subprocess.Popen[bytes]":
    command = [XDPLB, *words, "--netns", stand.lb]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def test_commands_at_the_same_time_wait_for_each_other(attached: Stand) -> None:
    ports = range(81, 87)
    running = [start(attached, "service", "add", f"{VIP}:{p}/tcp", *BACKENDS) for p in ports]
    assert [process.wait(PATIENCE_S) for process in running] == [0] * len(running)
    services = attached.status()["services"]
    assert {service["port"] for service in services} == {80, *ports}
    with attached.plane() as plane:
        regions = sorted((r.first_slot, r.slot_count) for r in plane.services().values())
        owners = [record.service_id for record in plane.backends().values()]
    assert regions == [(number * 16381, 16381) for number in range(7)]
    assert sorted(owners) == sorted([*range(7), *range(7)])


def test_of_two_attaches_at_the_same_time_one_wins(stand: Stand) -> None:
    running = [start(stand, "attach", "veth6", *BACKENDS, "--port", "80") for _ in range(3)]
    assert sorted(process.wait(PATIENCE_S) for process in running) == [0, 1, 1]
    assert set(stand.ask(30)) == {"h2", "h3"}
