# SPDX-License-Identifier: BSD-2-Clause
"""``status`` and ``ls``: what people and programs are shown."""

import json
import sys

from cli.stand import BACKENDS, H2, H3, VIP, WEB, XDPLB, Stand, run

COUNTED = {"packets", "bytes", "new_connections", "active_connections"}


def test_status_tells_programs_what_the_contract_promises(attached: Stand) -> None:
    attached.ask(20)
    status = attached.status()
    assert (status["interface"], status["netns"]) == ("veth6", attached.lb)
    assert status["xdp_mode"] == "native"
    assert status["program_id"] == attached.traces()["xdp"].program_id
    (service,) = status["services"]
    assert service.keys() >= COUNTED | {"hash_on"}
    assert service["name"] == WEB
    assert (service["vip"], service["port"], service["protocol"]) == (VIP, 80, "tcp")
    assert (service["mode"], service["scheduler"]) == ("nat", "maglev")
    for backend in service["backends"]:
        assert backend.keys() >= COUNTED | {"address", "port", "weight", "state"}
        assert (backend["port"], backend["weight"], backend["state"]) == (0, 1, "up")


def test_counters_add_up(attached: Stand) -> None:
    attached.ask(20)
    status = attached.status()
    (service,) = status["services"]
    assert service["new_connections"] == 20
    for field in COUNTED:
        assert service[field] == sum(backend[field] for backend in service["backends"])
    verdicts = status["verdicts"]
    assert verdicts["tx_nat"].keys() == {"packets", "bytes"}
    both_ways = verdicts["tx_nat"]["packets"] + verdicts["tx_reply"]["packets"]
    assert both_ways == service["packets"]


def test_active_connections_are_those_that_are_open(attached: Stand) -> None:
    attached.ask(10)  # opened and closed
    open_ones = [attached.connect() for _ in range(7)]
    for connection in open_ones:
        connection.request("GET", "/name")
        connection.getresponse().read()
    assert attached.status()["services"][0]["active_connections"] == 7
    counted = attached.ok("connections", "count", "--json").json
    assert sum(row["active_connections"] for row in counted) == 7
    listed = attached.ok("connections", "list", "--json").json
    assert {(row["client"], row["vip"], row["vip_port"]) for row in listed} == {
        ("10.0.0.1", VIP, 80)
    }
    assert (
        attached.ok("connections", "flush").output == f"{len(listed)} connections are forgotten\n"
    )
    assert attached.status()["services"][0]["active_connections"] == 0
    for connection in open_ones:
        connection.close()


def test_status_of_nothing_is_an_empty_list(refusing: Stand) -> None:
    assert refusing.ok("status", "--json").json == []
    assert refusing.ok("status").output == "xdplb is not attached anywhere\n"


def test_status_from_anywhere_shows_all_namespaces(attached: Stand) -> None:
    shown = run(XDPLB, "status", "--json").json
    assert attached.lb in [attachment["netns"] for attachment in shown]
    inside = attached.inside(XDPLB, "status", "--json").json
    assert attached.lb in [attachment["netns"] for attachment in inside]


def test_status_reads_for_people(attached: Stand) -> None:
    attached.ask(5)
    lines = attached.ok("status").output.splitlines()
    assert lines[0].startswith(f"veth6 in {attached.lb}: native mode, program ")
    assert lines[1].startswith(f"  {WEB}  nat, maglev on flow; ")
    assert [line.split()[0] for line in lines[2:4]] == [H2, H3]
    assert any(line.split()[0] == "tx_nat" for line in lines[4:])


def test_status_imports_nothing_heavy(attached: Stand) -> None:
    code = (
        "import json, sys; from xdplb.cli import run; "
        f"code = run(['status', '--netns', {attached.lb!r}]); "
        "print(json.dumps([code, sorted(sys.modules)]), file=sys.stderr)"
    )
    answer = run(sys.executable, "-c", code)
    ended, modules = json.loads(answer.complaint)
    assert ended == 0
    heavy = {"rich", "pyroute2", "pydantic", "asyncio", "dataclasses", "yaml", "ctypes", "logging"}
    assert heavy.isdisjoint(modules)
    assert "xdplb.cli.lab" not in modules


def test_ls_is_shaped_like_ipvsadm(attached: Stand) -> None:
    attached.ok("backend", "set", WEB, H3, "--weight", "3")
    title, *lines = attached.ok("ls", "-n").output.splitlines()
    assert title == f"xdplb on veth6 in {attached.lb} (native)"
    assert lines == [
        "Prot LocalAddress:Port Scheduler Flags",
        "  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn",
        "TCP  10.0.0.10:80 maglev",
        "  -> 10.0.0.2:80                  Masq    1      0          0",
        "  -> 10.0.0.3:80                  Masq    3      0          0",
    ]


def test_ls_shows_statistics(attached: Stand) -> None:
    attached.ask(12)
    service, first, second = attached.ok("ls", "-n", "--stats").output.splitlines()[3:]
    assert service.split()[:3] == ["TCP", "10.0.0.10:80", "12"]
    assert int(first.split()[2]) + int(second.split()[2]) == 12
    (shown,) = attached.ok("ls", "--json").json
    assert shown["new_connections"] == 12


def test_generic_attachment_without_a_service_reads_for_people(stand: Stand) -> None:
    stand.attach("--xdp-mode", "generic")
    output = stand.ok("status").output
    assert ": generic mode, program" in output
    assert "no service; add one with: xdplb service add" in output
    assert len(BACKENDS) == 2
