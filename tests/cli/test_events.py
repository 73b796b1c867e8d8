# SPDX-License-Identifier: BSD-2-Clause
"""``events``: connections as they come and go."""

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cli.stand import PATIENCE_S, WEB, XDPLB, Stand, wait_until


@contextmanager
def listening(stand: Stand, output: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Run `xdplb events --json` into *output*; inside, events are told."""
    words = [XDPLB, "events", "--json", "--netns", stand.lb]
    with output.open("w") as file, subprocess.Popen(words, stdout=file) as process:
        try:
            with stand.plane() as plane:
                wait_until(lambda: plane.switches().events_until_ns > 0, "events are told")
            yield process
        finally:
            process.kill()


def read(output: Path) -> list[Any]:
    return [json.loads(line) for line in output.read_text().splitlines()]


def test_connection_is_told_when_it_comes_and_when_it_goes(attached: Stand, tmp_path: Path) -> None:
    output = tmp_path / "events"
    with listening(attached, output) as process:
        attached.ask(3)
        wait_until(lambda: len(output.read_text().splitlines()) >= 6, "six events")
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 0
    events = read(output)
    assert [event["kind"] for event in events].count("new") == 3
    assert [event["kind"] for event in events].count("closed") == 3
    first = events[0]
    assert (first["client"], first["vip"], first["vip_port"]) == ("10.0.0.1", "10.0.0.10", 80)
    assert first["backend"] in ("10.0.0.2", "10.0.0.3")
    assert (first["backend_port"], first["protocol"], first["verdict"]) == (80, "tcp", "tx_nat")
    assert first["time"].startswith("20")


def test_refused_connection_says_why(attached: Stand, tmp_path: Path) -> None:
    attached.ok("backend", "remove", WEB, "10.0.0.2", "10.0.0.3")
    output = tmp_path / "events"
    with listening(attached, output):
        try:
            attached.connect(patience_s=0.3)
        except TimeoutError:
            wait_until(lambda: output.read_text() != "", "an event")
    event = read(output)[0]
    assert (event["kind"], event["verdict"]) == ("refused", "drop_no_backend")


def test_nothing_is_told_when_nobody_listens(attached: Stand, tmp_path: Path) -> None:
    with listening(attached, tmp_path / "events") as process:
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0
    with attached.plane() as plane:
        assert plane.switches().events_until_ns == 0


def test_two_readers_would_take_each_others_events(attached: Stand, tmp_path: Path) -> None:
    with listening(attached, tmp_path / "events"):
        answer = attached.xdplb("events")
    assert answer.code == 1
    assert answer.complaint == (
        "xdplb: veth6: somebody reads its events already; end that one first\n"
    )


def test_reader_ends_when_the_attachment_is_gone(attached: Stand, tmp_path: Path) -> None:
    with listening(attached, tmp_path / "events") as process:
        attached.ok("detach", "veth6")
        assert process.wait(PATIENCE_S) == 0
