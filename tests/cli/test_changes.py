# SPDX-License-Identifier: BSD-2-Clause
"""Services and backends, changed while packets flow."""

import pytest
from cli.stand import BACKENDS, H2, H3, MAC2, MAC3, VIP, WEB, Stand, who_answers


def open_connections(stand: Stand, count: int) -> dict[str, list[object]]:
    """Return open connections by the host at their other end."""
    found: dict[str, list[object]] = {"h2": [], "h3": []}
    for _ in range(count):
        connection = stand.connect()
        found[who_answers(connection)].append(connection)
    assert all(found.values())
    return found


def test_backend_added_gets_new_connections_and_breaks_none(stand: Stand) -> None:
    stand.attach(BACKENDS[0], "--port", "80")
    before = [stand.connect() for _ in range(10)]
    assert {who_answers(connection) for connection in before} == {"h2"}
    stand.ok("backend", "add", WEB, BACKENDS[1])
    assert [who_answers(connection) for connection in before] == ["h2"] * 10
    assert set(stand.ask(40)) == {"h2", "h3"}
    for connection in before:
        connection.close()


def test_backend_removed_breaks_its_own_connections_only(attached: Stand) -> None:
    before = open_connections(attached, 40)
    attached.ok("backend", "remove", WEB, H3)
    for connection in before["h2"]:
        assert who_answers(connection) == "h2"  # type: ignore[arg-type]
    for connection in before["h3"]:
        with pytest.raises(OSError):  # noqa: PT011 - reset or closed, both are broken
            who_answers(connection)  # type: ignore[arg-type]
    assert set(attached.ask(20)) == {"h2"}
    assert list(attached.backends()) == [H2]


def test_id_of_a_removed_backend_has_no_connections_when_it_is_used_again(attached: Stand) -> None:
    open_connections(attached, 40)
    attached.ok("backend", "remove", WEB, H3)
    with attached.plane() as plane:
        (left,) = plane.backends()
        tally = plane.count_connections()
        assert set(tally.active) | set(tally.inactive) == {left}


def test_last_backend_removed_leaves_a_service_that_drops(attached: Stand) -> None:
    attached.ok("backend", "remove", WEB, H2, H3)
    assert attached.backends() == {}
    with pytest.raises(TimeoutError):
        attached.connect(patience_s=0.3)
    assert attached.status()["verdicts"]["drop_no_backend"]["packets"] >= 1
    attached.ok("backend", "add", WEB, BACKENDS[0])
    assert set(attached.ask(5)) == {"h2"}


def test_any_stands_for_all_services(stand: Stand) -> None:
    stand.attach(BACKENDS[0])
    stand.ok("backend", "add", "any", BACKENDS[1])
    for service in stand.status()["services"]:
        assert [backend["address"] for backend in service["backends"]] == [H2, H3]
    stand.ok("backend", "remove", "any", H2)
    for service in stand.status()["services"]:
        assert [backend["address"] for backend in service["backends"]] == [H3]


def test_weight_is_a_share_of_new_connections(attached: Stand) -> None:
    attached.ok("backend", "set", WEB, H3, "--weight", "0")
    assert set(attached.ask(20)) == {"h2"}
    attached.ok("backend", "set", WEB, H3, "--weight", "3")
    with attached.plane() as plane:
        (service,) = plane.services().values()
        words = plane.map("slots").mmap().view.cast("I")[: 2 * service.slot_count : 2].tolist()  # type: ignore[attr-defined]
    assert words.count(1) == pytest.approx(0.75 * service.slot_count, abs=3)


def test_service_added_is_balanced_and_removed_is_not(stand: Stand) -> None:
    stand.attach()
    stand.ok("service", "add", WEB, *BACKENDS, "--name", "web")
    assert set(stand.ask(30)) == {"h2", "h3"}
    (service,) = stand.status()["services"]
    assert (service["name"], service["vip"], service["port"]) == ("web", VIP, 80)
    stand.ok("service", "remove", "web")
    assert stand.status()["services"] == []
    with pytest.raises(ConnectionRefusedError):
        stand.connect()  # the host's own stack answers again: nobody listens


def test_service_goes_by_its_name(stand: Stand) -> None:
    stand.attach()
    stand.ok("service", "add", WEB, f"{BACKENDS[0]},name=big", "--name", "web")
    stand.ok("backend", "add", "web", BACKENDS[1])
    stand.ok("backend", "remove", "web", "big")
    assert list(stand.backends()) == [H3]


def test_scheduler_and_what_it_hashes_can_be_changed(attached: Stand) -> None:
    attached.ok("service", "set", WEB, "--scheduler", "hash", "--hash-on", "source-address")
    (service,) = attached.ok("service", "list", "--json").json
    assert (service["scheduler"], service["hash_on"]) == ("hash", "source-address")
    assert len(attached.ask(30)) == 1  # one client, one source address, one backend


def test_unresolved_backend_is_looked_up_when_it_is_added_again(stand: Stand) -> None:
    stand.attach(BACKENDS[0], "--port", "80")
    answer = stand.ok("backend", "add", WEB, "10.0.0.77")
    assert "10.0.0.77: nobody answers" in answer.complaint
    host = stand.prefix + "h3"
    stand.inside("ip", "-n", host, "addr", "add", "10.0.0.77/24", "dev", "veth0")
    assert stand.ok("backend", "add", WEB, "10.0.0.77").complaint == ""
    backend = stand.backends()["10.0.0.77"]
    assert (backend["state"], backend["mac"]) == ("up", MAC3)


def test_change_that_fails_half_way_is_undone(stand: Stand) -> None:
    """The first service has room for one backend more; the second has not."""
    stand.attach(BACKENDS[0], "--max-backends", "3")
    before = stand.lasting_status()
    with stand.plane() as plane:
        slots = bytes(plane.map("slots").mmap().view)  # type: ignore[attr-defined]
        answer = stand.xdplb("backend", "add", "any", BACKENDS[1])
        assert answer.code == 1
        assert "backends: all 3 are in use" in answer.complaint
        assert bytes(plane.map("slots").mmap().view) == slots  # type: ignore[attr-defined]
    assert stand.lasting_status() == before


def test_many_services_are_all_found(stand: Stand) -> None:
    """As many as there is room for, so that the index has to move some aside."""
    stand.attach("--max-services", "16", "--table-size", "101")
    for port in range(80, 96):
        stand.ok("service", "add", f"{VIP}:{port}/tcp", BACKENDS[0])
    with stand.plane() as plane:
        assert sorted(plane.index().values()) == list(range(16))
    refused = stand.xdplb("service", "add", f"{VIP}:96/tcp", BACKENDS[0])
    assert "services: all 16 are in use" in refused.complaint
    assert set(stand.ask(3)) == {"h2"}


def test_macs_are_shown(attached: Stand) -> None:
    lines = attached.ok("backend", "list", WEB).output.splitlines()
    assert lines[0] == WEB
    assert [line.split()[:2] for line in lines[1:]] == [[H2, MAC2], [H3, MAC3]]
