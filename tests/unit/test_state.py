# SPDX-License-Identifier: BSD-2-Clause
"""Folders of pins and the lock; any directory does for that."""

import fcntl
import os
from pathlib import Path

import pytest

from xdplb.namespace import AttachmentName
from xdplb.state import PinFolder, State

ETH0 = AttachmentName("eth0")


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(str(tmp_path))


def make_pin(path: str) -> None:
    Path(path).touch()


def test_nothing_is_there_before_the_first_attach(state: State) -> None:
    assert state.names() == []


def test_what_was_built_takes_its_place_at_the_end(state: State) -> None:
    with state.lock(), state.build(ETH0) as folder:
        make_pin(folder.pin("backends"))
        assert state.names() == []
    assert state.names() == [ETH0]
    assert os.listdir(state.folder(ETH0).path) == ["backends"]


def test_failure_while_building_leaves_nothing(state: State, tmp_path: Path) -> None:
    def fail(folder: PinFolder) -> None:
        make_pin(folder.pin("backends"))
        raise RuntimeError

    with pytest.raises(RuntimeError), state.lock(), state.build(ETH0) as folder:
        fail(folder)
    assert os.listdir(tmp_path) == []


def test_what_a_killed_writer_left_is_removed_by_the_next(state: State, tmp_path: Path) -> None:
    leftover = tmp_path / "xdplb" / ":eth0"
    leftover.mkdir(parents=True)
    (leftover / "backends").touch()
    assert state.names() == []
    with state.lock():
        assert not leftover.exists()


def test_last_one_out_removes_the_root_folder(state: State, tmp_path: Path) -> None:
    with state.lock(), state.build(ETH0):
        pass
    assert (tmp_path / "xdplb").is_dir()
    with state.lock():
        state.folder(ETH0).remove()
    assert os.listdir(tmp_path) == []


def test_lock_is_held_while_inside(state: State) -> None:
    with state.lock():
        other = os.open(state.root, os.O_RDONLY)
        with pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(other)


def test_new_pin_takes_the_place_of_the_old(state: State) -> None:
    with state.lock(), state.build(ETH0) as folder:
        make_pin(folder.pin("program"))
    folder = state.folder(ETH0)
    Path(folder.pin("program-new")).write_text("new")
    folder.replace_pin("program-new", "program")
    assert os.listdir(folder.path) == ["program"]
    assert Path(folder.pin("program")).read_text() == "new"


def test_folder_is_shown_where_a_person_finds_it(state: State) -> None:
    assert str(state.folder(AttachmentName("veth6", "lb"))) == "/sys/fs/bpf/xdplb/lb:veth6"
