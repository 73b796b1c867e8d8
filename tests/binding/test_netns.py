# SPDX-License-Identifier: BSD-2-Clause
"""Network namespaces: of a thread, there and back."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import pytest
from binding.stand import PASS, Wire, open_fds, run, run_python

from xdplb.bpf import (
    KernelError,
    NoInterfaceError,
    NotFoundError,
    Program,
    enter_network_namespace,
    interface_index,
    interface_name,
    is_bpffs,
    network_namespace,
    query_xdp,
)


def _own() -> tuple[int, int]:
    found = os.stat("/proc/thread-self/ns/net")
    return found.st_dev, found.st_ino


def test_interface_is_looked_for_in_its_namespace(wire: Wire) -> None:
    with pytest.raises(NoInterfaceError, match="find interface v0: No such device"):
        query_xdp("v0")
    assert query_xdp("v0", netns=wire.near).mode is None


def test_namespace_goes_by_name_path_and_descriptor(wire: Wire) -> None:
    path = Path("/run/netns") / wire.near
    fd = os.open(path, os.O_RDONLY)
    with Program.from_instructions(PASS) as program:
        for netns in (wire.near, path, str(path), fd):
            with program.attach_xdp("v0", netns=netns):
                assert query_xdp("v0", netns=netns).program_id == program.id
    os.close(fd)


def test_thread_is_home_again_after_each_call(wire: Wire) -> None:
    home, before = _own(), open_fds()
    with Program.from_instructions(PASS) as program:
        program.attach_xdp("v0", netns=wire.near).close()
        with pytest.raises(NoInterfaceError):
            program.attach_xdp("nope", netns=wire.near)
    assert _own() == home
    assert open_fds() == before


def test_index_of_another_namespace_is_told_apart_from_a_wrong_flag(wire: Wire) -> None:
    with network_namespace(wire.near):
        index = 1 + max(index for index, _ in _interfaces())
    with Program.from_instructions(PASS) as program, pytest.raises(NoInterfaceError) as caught:
        program.attach_xdp(index, netns=wire.near)
    # The kernel says EINVAL to this, and nothing else.
    assert caught.value.errno == errno.ENODEV
    assert "not in this network namespace" in str(caught.value)


def _interfaces() -> list[tuple[int, str]]:
    import socket

    return socket.if_nameindex()


def test_missing_namespace_is_named() -> None:
    with pytest.raises(NotFoundError, match="open network namespace bt-none: No such file"):
        query_xdp("lo", netns="bt-none")


def test_file_that_is_no_namespace_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    home = _own()
    with pytest.raises(KernelError) as caught:
        query_xdp("lo", netns=tmp_path / "file")
    assert caught.value.errno == errno.EINVAL
    assert _own() == home


def test_block_moves_the_thread_and_brings_it_back(wire: Wire) -> None:
    home, before = _own(), open_fds()
    with network_namespace(wire.near):
        assert _own() != home
        assert interface_name(interface_index("v0")) == "v0"
    assert _own() == home
    with pytest.raises(ZeroDivisionError), network_namespace(wire.far):
        1 / 0  # noqa: B018
    with pytest.raises(NotFoundError), network_namespace("bt-none"):
        pass
    assert _own() == home
    assert open_fds() == before


def test_blocks_nest(wire: Wire) -> None:
    with network_namespace(wire.near):
        near = _own()
        with network_namespace(wire.far):
            assert _own() != near
            assert interface_name(interface_index("v1")) == "v1"
        assert _own() == near


def test_other_threads_stay_where_they_are(wire: Wire) -> None:
    home = _own()
    seen: list[tuple[int, int]] = []
    inside, done = threading.Event(), threading.Event()

    def stay() -> None:
        with network_namespace(wire.near):
            inside.set()
            done.wait(10)
            seen.append(_own())

    thread = threading.Thread(target=stay)
    thread.start()
    assert inside.wait(10)
    assert _own() == home
    done.set()
    thread.join()
    assert seen != [home]


def test_thread_may_enter_for_good(wire: Wire) -> None:
    names: list[str | None] = []

    def enter() -> None:
        enter_network_namespace(wire.far)
        names.append(interface_name(interface_index("v1")))

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert names == ["v1"]
    with pytest.raises(NoInterfaceError):
        interface_index("v1")


def test_name_of_a_missing_interface_is_none() -> None:
    assert interface_name(0x7FFFFFF0) is None
    assert interface_index(5) == 5


def test_ip_netns_exec_hides_the_bpf_file_system(wire: Wire) -> None:
    assert is_bpffs("/sys/fs/bpf")
    code = "from xdplb.bpf import is_bpffs; print(is_bpffs('/sys/fs/bpf'))"
    hidden = run_python(
        "import subprocess, sys; "
        f"subprocess.run(['ip', 'netns', 'exec', '{wire.near}', sys.executable, '-c', {code!r}])"
    )
    assert hidden.stdout == "False\n"


def test_link_made_in_another_namespace_works_from_here(wire: Wire) -> None:
    with (
        Program.from_instructions(PASS) as program,
        program.attach_xdp("v0", netns=wire.near) as link,
    ):
        shown = run(f"ip -n {wire.near} link show v0")
        assert f"prog/xdp id {program.id}" in shown
        link.update(program)
