# SPDX-License-Identifier: BSD-2-Clause
"""Help teaches by example, wrong words get one line, and shells complete."""

import os
import subprocess
from pathlib import Path

import pytest
from cli.stand import VIP, XDPLB, Stand, run

from xdplb.cli import COMMANDS

PATHS = [
    [],
    *([name] for name in COMMANDS),
    *(["service", verb] for verb in ("add", "set", "remove", "list")),
    *(["backend", verb] for verb in ("add", "set", "remove", "list")),
]


@pytest.mark.parametrize("path", [path for path in PATHS if path != ["lab"]], ids=" ".join)
def test_help_teaches_by_example(path: list[str]) -> None:
    answer = run(XDPLB, *path, "--help")
    assert (answer.code, answer.complaint) == (0, "")
    assert answer.output.startswith(" ".join(["Usage: xdplb", *path]))
    examples = answer.output.partition("Examples:")[2]
    assert " ".join(["  xdplb", *path]) in examples


def test_help_of_all_names_every_command() -> None:
    output = run(XDPLB, "--help").output
    for name, what in COMMANDS.items():
        assert f"  {name} " in output
        assert what in output


def test_no_words_at_all_show_the_help() -> None:
    answer = run(XDPLB)
    assert (answer.code, answer.output) == (2, "")
    assert answer.complaint.startswith("Usage: xdplb")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["statu"], "no such command statu; did you mean status; see: xdplb --help"),
        (["--bogus"], "no such option: --bogus; see: xdplb --help"),
        (["attach"], "attach: missing argument IFACE; see: xdplb attach --help"),
        (["backend", "remove"], "backend remove: missing argument SERVICE; see: xdplb backend"),
    ],
)
def test_wrong_words_get_one_line(words: list[str], says: str) -> None:
    answer = run(XDPLB, *words)
    assert (answer.code, answer.output) == (2, "")
    assert answer.complaint.startswith(f"xdplb: {says}")
    assert answer.complaint.count("\n") == 1


def test_version_is_told() -> None:
    answer = run(XDPLB, "--version")
    assert answer.code == 0
    assert answer.output.startswith("xdplb 0.")


def complete(line: str) -> list[str]:
    """Return what bash would offer after *line*."""
    words = line.split(" ")
    env = {
        "_XDPLB_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
    }
    return run(XDPLB, env=env).output.split()


def test_commands_and_options_complete() -> None:
    assert complete("xdplb at") == ["attach"]
    assert complete("xdplb service re") == ["remove"]
    assert complete("xdplb attach --fore") == ["--foreground"]


def test_names_of_this_machine_complete(attached: Stand) -> None:
    assert "lo" in complete("xdplb attach l")
    assert "veth6" in complete("xdplb detach v")
    assert attached.lb in complete(f"xdplb status --netns {attached.prefix}")
    assert f"{VIP}:80/tcp" in complete("xdplb backend add 10")
    assert complete("xdplb attach eth0 --scheduler ha") == ["hash"]


def test_closed_pipe_is_no_traceback(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with (tmp_path / "complaint").open("w") as complaint:
        done = subprocess.run([XDPLB, "--help"], stdout=writer, stderr=complaint, check=False)
    os.close(writer)
    assert done.returncode == 1
    assert (tmp_path / "complaint").read_text() == ""


def run_into(output: int, complaint: int) -> int:
    import subprocess

    return subprocess.run(
        [XDPLB, "--help"], stdout=output, stderr=complaint, check=False
    ).returncode
