# SPDX-License-Identifier: BSD-2-Clause
"""After a detach the host is as it was: pins, links, queueing, addresses, routes, settings."""

from __future__ import annotations

import signal

import pytest
from lab.attachment import BPFFS, INTERFACE, VIP, Attach, Attachment
from lab.host_state import bpffs_of_our_own, host_state, is_loaded, tree, wait_until_gone
from lab.outside import XDPLB, bpftool, run
from lab.requests_running import RunningRequests
from lab.stand import Lab
from lab.wire import PATIENCE_S

TWO = ("10.0.0.2", "10.0.0.3")
HOSTS = ("lb", "switch", "client", "h2")


@pytest.mark.parametrize("undo", [("detach", INTERFACE), ("detach", "--all")], ids=" ".join)
def test_host_is_as_it_was_after_detach(lab: Lab, undo: tuple[str, ...]) -> None:
    lab.get("client", "http://10.0.0.2/name")
    netns = ("--netns", lab.namespace("lb"))
    with bpffs_of_our_own() as (bpffs, here):
        before = {host: host_state(lab, host) for host in HOSTS}
        pinned = tree(bpffs)
        run(*here, XDPLB, "attach", INTERFACE, *TWO, *netns)
        assert len(tree(bpffs)) >= len(pinned) + 10
        assert host_state(lab, "lb") != before["lb"], "what is compared shows an attachment"
        assert len(lab.get("client", f"http://{VIP}/name?[1-20]").split()) == 20
        run(*here, XDPLB, *undo, *(netns if INTERFACE in undo else ()))
        assert tree(bpffs) == pinned
        for host in HOSTS:
            assert host_state(lab, host) == before[host]


def test_nothing_stays_in_the_kernel_after_detach(lab: Lab, attach: Attach) -> None:
    attachment = attach(lab, *TWO)
    (program,) = [bpftool("prog", "show", "pinned", str(attachment.pins / "program"))]
    link = bpftool("link", "show", "pinned", str(attachment.pins / "link"))
    assert len(program["map_ids"]) >= 8
    attachment.detach()
    assert not is_loaded("link", link["id"])
    wait_until_gone("prog", program["id"])
    for number in program["map_ids"]:
        wait_until_gone("map", number)
    names = [one.name for one in (BPFFS / "xdplb").glob("*")]
    assert not any(attachment.namespace in name for name in names)


def test_detach_while_requests_run_leaves_the_host_as_it_was(lab: Lab, attach: Attach) -> None:
    before = host_state(lab, "lb")
    attachment = attach(lab, *TWO, "--port", "80")
    with RunningRequests(lab, patience_s=3) as running:
        attachment.detach()
        assert running.next(20).keys() == {None}, "nothing listens there on the host itself"
    assert host_state(lab, "lb") == before


def test_foreground_that_is_told_to_end_leaves_the_host_as_it_was(lab: Lab) -> None:
    before = host_state(lab, "lb")
    attachment = Attachment(lab)
    with attachment.start("attach", INTERFACE, *TWO, "--foreground") as running:
        assert running.stdout is not None
        assert any(line.startswith("undo it with") for line in running.stdout)
        lab.get("client", f"http://{VIP}/name")
        running.send_signal(signal.SIGTERM)
        told, _ = running.communicate(timeout=PATIENCE_S)
    assert running.returncode == 0
    assert told.endswith("xdplb is detached\n")
    assert not attachment.pins.exists()
    assert host_state(lab, "lb") == before
