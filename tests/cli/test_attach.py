# SPDX-License-Identifier: BSD-2-Clause
"""Attaching, and what is there afterwards."""

import json
from http.client import HTTPConnection
from pathlib import Path

from cli.stand import BACKENDS, H2, H3, PATIENCE_S, VIP, XDPLB, Stand, run, who_answers

from xdplb.bpf import XdpMode, network_namespace, query_xdp


def test_attach_says_what_it_did_and_the_command_that_undoes_it(stand: Stand) -> None:
    before = stand.traces()
    answer = stand.attach(*BACKENDS)
    first, *services, undo = answer.output.splitlines()
    assert first == "veth6: xdplb is attached, native mode"
    assert services == [f"  {VIP}:any/{proto} -> {H2}, {H3}" for proto in ("tcp", "udp")]
    assert answer.complaint == ""
    command = undo.removeprefix("undo it with: xdplb ")
    assert run(XDPLB, *command.split()).code == 0
    assert stand.traces() == before


def test_macs_are_looked_up(stand: Stand) -> None:
    stand.attach(H2, H3)
    macs = {address: backend["mac"] for address, backend in stand.backends().items()}
    assert macs == {H2: "de:ad:be:ef:00:02", H3: "de:ad:be:ef:00:03"}
    assert set(stand.ask(30)) == {"h2", "h3"}


def test_backend_that_nobody_answers_for_is_unresolved_and_warned_of(stand: Stand) -> None:
    answer = stand.attach(BACKENDS[0], "10.0.0.99")
    assert "warning: 10.0.0.99: nobody answers for it on veth6" in answer.complaint
    assert stand.backends()["10.0.0.99"]["state"] == "unresolved"
    assert stand.backends()[H2]["state"] == "up"


def test_what_ip_netns_exec_attached_is_seen_from_outside(stand: Stand) -> None:
    """`ip netns exec` hides the bpf filesystem behind a fresh /sys."""
    assert stand.inside(XDPLB, "attach", "veth6", *BACKENDS).code == 0
    pin = f"/sys/fs/bpf/xdplb/{stand.lb}:veth6/backends"
    dumped = json.loads(run("bpftool", "-j", "map", "dump", "pinned", pin).output)
    fields = dumped[0]["formatted"]["value"]
    assert fields["mac"] == [0xDE, 0xAD, 0xBE, 0xEF, 0, 2]
    assert {"address", "port", "flags", "weight"} <= set(fields)
    assert stand.inside(XDPLB, "detach", "veth6").code == 0


def test_no_compiler_is_needed(stand: Stand) -> None:
    answer = stand.ok("attach", "veth6", *BACKENDS, env={"PATH": "/nonexistent"})
    assert "native mode" in answer.output
    assert set(stand.ask(30)) == {"h2", "h3"}


def test_detach_leaves_the_host_as_it_was(stand: Stand) -> None:
    before = stand.traces()
    stand.attach(*BACKENDS)
    assert stand.traces() != before
    stand.ask(4)
    assert stand.ok("detach", "veth6").output == f"{stand.lb}:veth6: xdplb is detached\n"
    assert stand.traces() == before


def test_attachment_without_a_backend_has_no_service_and_passes_packets(stand: Stand) -> None:
    stand.attach()
    assert stand.status()["services"] == []
    ping = f"ip netns exec {stand.client} ping -c 1 -W 5 {VIP}"
    assert run(*ping.split()).code == 0


def test_hosts_own_connections_go_on_although_every_port_is_balanced(stand: Stand) -> None:
    stand.attach(*BACKENDS)
    connection = HTTPConnection(H2, 80, timeout=PATIENCE_S)
    with network_namespace(stand.lb):
        connection.connect()
    assert who_answers(connection) == "h2"
    connection.close()


def test_attach_tells_programs_what_it_did(stand: Stand) -> None:
    told = stand.attach(*BACKENDS, "--port", "80", "--json").json
    assert told == {
        "interface": "veth6",
        "netns": stand.lb,
        "xdp_mode": "native",
        "services": [f"{VIP}:80/tcp"],
        "replaced": False,
        "warnings": [],
        "undo": f"xdplb detach veth6 --netns {stand.lb}",
    }


def test_limits_are_those_chosen(stand: Stand) -> None:
    words = "--max-services 5 --max-backends 7 --max-connections 100 --table-size 11"
    stand.attach(*BACKENDS, *words.split())
    with stand.plane() as plane:
        assert plane.limits() == (5, 7, 100, 11)
    assert set(stand.ask(30)) == {"h2", "h3"}


def test_mode_can_be_chosen(stand: Stand) -> None:
    stand.attach(*BACKENDS, "--xdp-mode", "generic")
    assert query_xdp("veth6", netns=stand.lb).mode is XdpMode.GENERIC
    assert stand.status()["xdp_mode"] == "generic"


def test_native_refused_means_generic_and_why(stand: Stand) -> None:
    """A veth of 9000 bytes takes no native program that wants a packet in one buffer."""
    pair = f"ip -n {stand.lb} link add big0 mtu 9000 type veth peer name big1 mtu 9000"
    assert run(*pair.split()).code == 0
    before = stand.traces()
    words = ("attach", "big0", *BACKENDS, "--vip", VIP)
    refused = stand.xdplb(*words, "--xdp-mode", "native")
    assert refused.code == 1
    assert "MTU" in refused.complaint
    assert stand.traces() == before
    answer = stand.ok(*words)
    assert "big0: xdplb is attached, generic mode" in answer.output
    assert "warning: big0: native XDP refused: " in answer.complaint
    assert "MTU" in answer.complaint


def test_interface_with_a_dot_in_its_name_attaches(stand: Stand) -> None:
    pair = f"ip -n {stand.lb} link add dot.1 type veth peer name dot.2"
    assert run(*pair.split()).code == 0
    stand.ok("attach", "dot.1", *BACKENDS, "--vip", VIP)
    assert stand.folder("dot.1").exists()
    assert stand.status()["interface"] == "dot.1"
    stand.ok("detach", "dot.1")
    assert not stand.folder("dot.1").exists()


def test_what_the_verifier_says_is_written_down(stand: Stand, tmp_path: Path) -> None:
    log = tmp_path / "verifier.log"
    stand.attach(*BACKENDS, "--verifier-log", str(log))
    assert "processed" in log.read_text()
