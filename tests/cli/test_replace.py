# SPDX-License-Identifier: BSD-2-Clause
"""``attach --replace``: another program and other backends, and nobody notices."""

import threading
from collections import Counter

import pytest
from cli.stand import BACKENDS, H2, H3, VIP, WEB, Stand, who_answers

from xdplb.bpf import Link, Map, Program, query_xdp
from xdplb.bpf.maptype import MapType


class Requests:
    """Requests on new connections, one after the other, for as long as the block lasts."""

    def __init__(self, stand: Stand) -> None:
        self.stand = stand
        self.answers: Counter[str] = Counter()
        self.failures: list[Exception] = []
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._send)

    def _send(self) -> None:
        while not self._enough.is_set():
            try:
                self.answers += self.stand.ask(1)
            except Exception as failure:
                self.failures.append(failure)

    def __enter__(self) -> "Requests":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._enough.set()
        self._thread.join()


def test_no_request_fails_while_the_program_is_swapped(attached: Stand) -> None:
    kept = attached.connect()
    name = who_answers(kept)
    programs = set()
    with Requests(attached) as requests:
        for _ in range(5):
            told = attached.attach("--replace")
            assert "veth6: xdplb is replaced, native mode" in told.output
            programs.add(query_xdp("veth6", netns=attached.lb).program_id)
            assert who_answers(kept) == name
    assert requests.failures == []
    assert requests.answers.total() > 5
    assert len(programs) == 5
    kept.close()


def test_without_backends_services_and_counters_stay(attached: Stand) -> None:
    attached.ask(10)
    before = attached.status()["services"]
    attached.attach("--replace")
    assert attached.status()["services"] == before


def test_pinned_program_and_link_are_the_new_ones(attached: Stand) -> None:
    attached.attach("--replace")
    folder = attached.folder()
    with (
        Program.from_pin(folder.pin("program")) as program,
        Link.from_pin(folder.pin("link")) as link,
    ):
        running = query_xdp("veth6", netns=attached.lb).program_id
        assert program.id == link.info.program_id == running


def test_backends_become_those_asked_for_and_who_stays_keeps_its_connections(
    attached: Stand,
) -> None:
    kept = attached.connect()
    while who_answers(kept) != "h2":
        kept.close()
        kept = attached.connect()
    attached.attach(BACKENDS[0], "--port", "80", "--replace")
    assert list(attached.backends()) == [H2]
    assert who_answers(kept) == "h2"
    attached.attach(*BACKENDS, "--port", "80", "--port", "81", "--replace")
    assert [service["port"] for service in attached.status()["services"]] == [80, 81]
    assert list(attached.backends(1)) == [H2, H3]
    assert who_answers(kept) == "h2"
    attached.attach(*BACKENDS, "--port", "80", "--replace")
    assert [service["port"] for service in attached.status()["services"]] == [80]
    assert who_answers(kept) == "h2"
    kept.close()


def test_services_of_another_vip_stay(attached: Stand) -> None:
    attached.ok("service", "add", "10.0.0.99:80/tcp", BACKENDS[0])
    attached.attach(BACKENDS[1], "--port", "80", "--replace")
    assert [service["vip"] for service in attached.status()["services"]] == [VIP, "10.0.0.99"]


def test_replace_where_nothing_is_attached_attaches(stand: Stand) -> None:
    assert "xdplb is attached" in stand.attach(*BACKENDS, "--replace").output
    assert set(stand.ask(30)) == {"h2", "h3"}


@pytest.mark.parametrize(
    ("words", "says", "code"),
    [
        (["--max-backends", "9"], "was attached with 512 for backends, not 9, and --replace", 2),
        (["--table-size", "101"], "was attached with 16381 for table_size, not 101", 2),
        (["--xdp-mode", "generic"], "is attached in native mode, which --replace keeps", 2),
        ([VIP], f"{VIP}: is the address of the service itself", 2),
    ],
)
def test_refused_replacement_changes_nothing(
    refusing_attached: Stand, words: list[str], says: str, code: int
) -> None:
    before, traces = refusing_attached.lasting_status(), refusing_attached.traces()
    answer = refusing_attached.xdplb("attach", "veth6", *words, "--replace")
    assert (answer.code, answer.output) == (code, "")
    assert says in answer.complaint
    assert refusing_attached.lasting_status() == before
    assert refusing_attached.traces() == traces


def test_same_limits_may_be_named_again(attached: Stand) -> None:
    attached.attach("--replace", "--max-backends", "512")


def test_map_of_another_layout_is_told_field_by_field(attached: Stand) -> None:
    """As a version to come will have them: here the backends have 8 bytes more."""
    folder = attached.folder()
    with Map.from_pin(folder.pin("backends")) as ours:
        sizes = (4, ours.value_size + 8, ours.max_entries)
    with Map[bytes, bytes].create(MapType.ARRAY, *sizes, name="backends") as longer:
        longer.pin(folder.pin("longer"))
    folder.replace_pin("longer", "backends")
    traces = attached.traces()
    answer = attached.xdplb("attach", "veth6", "--replace")
    assert answer.code == 1
    assert "veth6: the maps in use do not fit this version's program" in answer.complaint
    assert "backends" in answer.complaint
    assert str(sizes[1]) in answer.complaint
    assert attached.traces() == traces
    assert "another version of xdplb has made it" in attached.xdplb("status").complaint
    assert set(attached.ask(30)) == {"h2", "h3"}
    attached.ok("detach", "veth6")


def test_failed_change_of_services_keeps_the_old_program(stand: Stand) -> None:
    stand.attach(BACKENDS[0], "--port", "80", "--max-backends", "2")
    before, traces = stand.lasting_status(), stand.traces()
    words = (*BACKENDS, "10.0.0.4@02:00:00:00:00:04", "--port", "80", "--replace")
    answer = stand.xdplb("attach", "veth6", *words)
    assert answer.code == 1
    assert "backends: all 2 are in use" in answer.complaint
    assert stand.lasting_status() == before
    assert stand.traces() == traces
    assert set(stand.ask(3)) == {"h2"}
    assert WEB in stand.ok("service", "list").output
