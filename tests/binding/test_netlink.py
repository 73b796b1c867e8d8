# SPDX-License-Identifier: BSD-2-Clause
"""Attaching over netlink: stays without an owner, and needs care with modes and expectations."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from binding.stand import DROP, PASS, Wire, run

from xdplb._libbpf import lib
from xdplb.bpf import (
    ANY_PROGRAM,
    AttachConflictError,
    BpfObject,
    FeatureError,
    NoInterfaceError,
    Program,
    XdpMode,
    XdpState,
    attach_xdp_netlink,
    detach_xdp_netlink,
    interface_index,
    network_namespace,
    query_xdp,
)

NONE = XdpState()


@pytest.fixture
def passing() -> Iterator[Program]:
    with Program.from_instructions(PASS, name="passing") as program:
        yield program


@pytest.fixture
def dropping() -> Iterator[Program]:
    with Program.from_instructions(DROP, name="dropping") as program:
        yield program


def test_attachment_stays_without_anybody_holding_it(wire: Wire) -> None:
    with Program.from_instructions(PASS, name="passing") as program:
        attach_xdp_netlink(program, "v0", netns=wire.near)
        number = program.id
    assert query_xdp("v0", netns=wire.near) == XdpState(XdpMode.NATIVE, number, "passing")
    assert detach_xdp_netlink("v0", netns=wire.near) is True
    assert query_xdp("v0", netns=wire.near) == NONE
    assert detach_xdp_netlink("v0", netns=wire.near) is False


def test_another_program_is_not_replaced_unasked(
    passing: Program, dropping: Program, wire: Wire
) -> None:
    attach_xdp_netlink(passing, "v0", netns=wire.near)
    with pytest.raises(AttachConflictError, match="XDP program already attached") as caught:
        attach_xdp_netlink(dropping, "v0", netns=wire.near)
    assert caught.value.holder is not None
    assert caught.value.holder.program_id == passing.id


def test_any_program_is_replaced_when_asked(
    passing: Program, dropping: Program, wire: Wire
) -> None:
    attach_xdp_netlink(passing, "v0", netns=wire.near)
    attach_xdp_netlink(dropping, "v0", expect=ANY_PROGRAM, netns=wire.near)
    assert query_xdp("v0", netns=wire.near).program_id == dropping.id


def test_expected_program_is_replaced_and_another_is_not(
    passing: Program, dropping: Program, wire: Wire
) -> None:
    attach_xdp_netlink(passing, "v0", netns=wire.near)
    with pytest.raises(AttachConflictError, match="does not match expected") as caught:
        attach_xdp_netlink(dropping, "v0", expect=dropping, netns=wire.near)
    assert caught.value.errno == errno.EEXIST
    attach_xdp_netlink(dropping, "v0", expect=passing, netns=wire.near)
    assert query_xdp("v0", netns=wire.near).program_id == dropping.id


def test_expecting_none_by_descriptor_is_refused_as_a_mismatch(
    passing: Program, dropping: Program, wire: Wire
) -> None:
    attach_xdp_netlink(passing, "v0", netns=wire.near)
    with network_namespace(wire.near):
        code = lib.shim_xdp_attach(-1, interface_index("v0"), dropping.fileno(), 0, -1)
    assert code == -errno.EEXIST


def test_link_keeps_netlink_out(passing: Program, dropping: Program, wire: Wire) -> None:
    with passing.attach_xdp("v0", netns=wire.near) as link:
        for expect in (None, ANY_PROGRAM):
            with pytest.raises(AttachConflictError) as caught:
                attach_xdp_netlink(dropping, "v0", expect=expect, netns=wire.near)
            assert caught.value.errno == errno.EBUSY
            assert caught.value.holder is not None
            assert caught.value.holder.link_id == link.id
        with pytest.raises(AttachConflictError, match="Can't replace active BPF XDP link"):
            detach_xdp_netlink("v0", netns=wire.near)


def test_netlink_keeps_a_link_out(passing: Program, dropping: Program, wire: Wire) -> None:
    attach_xdp_netlink(passing, "v0", netns=wire.near)
    with pytest.raises(AttachConflictError) as caught:
        dropping.attach_xdp("v0", netns=wire.near)
    assert caught.value.holder == XdpState(XdpMode.NATIVE, passing.id, "passing")


@pytest.mark.parametrize(
    ("first", "second"),
    [(XdpMode.NATIVE, XdpMode.GENERIC), (XdpMode.GENERIC, XdpMode.NATIVE)],
)
def test_native_and_generic_exclude_each_other(
    passing: Program, dropping: Program, wire: Wire, first: XdpMode, second: XdpMode
) -> None:
    attach_xdp_netlink(passing, "v0", mode=first, netns=wire.near)
    with pytest.raises(AttachConflictError, match="can't be active at the same time"):
        attach_xdp_netlink(dropping, "v0", mode=second, expect=ANY_PROGRAM, netns=wire.near)


def test_detach_finds_the_mode_by_itself(passing: Program, wire: Wire) -> None:
    attach_xdp_netlink(passing, "v0", mode=XdpMode.GENERIC, netns=wire.near)
    assert detach_xdp_netlink("v0", netns=wire.near) is True
    assert query_xdp("v0", netns=wire.near) == NONE


def test_detach_in_another_mode_says_that_nothing_was_there(passing: Program, wire: Wire) -> None:
    attach_xdp_netlink(passing, "v0", mode=XdpMode.GENERIC, netns=wire.near)
    # The kernel itself says "done" to this, and does nothing:
    with network_namespace(wire.near):
        index = interface_index("v0")
        for mode in (XdpMode.AUTO, XdpMode.NATIVE):
            assert lib.shim_xdp_attach(-1, index, -1, mode.flags, lib.SHIM_ANY_PROGRAM) == 0
    assert query_xdp("v0", netns=wire.near).program_id == passing.id
    assert detach_xdp_netlink("v0", mode=XdpMode.NATIVE, netns=wire.near) is False
    assert detach_xdp_netlink("v0", mode=XdpMode.GENERIC, netns=wire.near) is True


def test_detach_takes_the_expected_program_only(
    passing: Program, dropping: Program, wire: Wire
) -> None:
    attach_xdp_netlink(passing, "v0", netns=wire.near)
    with pytest.raises(AttachConflictError, match="does not match expected"):
        detach_xdp_netlink("v0", expect=dropping, netns=wire.near)
    assert detach_xdp_netlink("v0", expect=passing, netns=wire.near) is True


def test_refusals_name_what_is_missing(passing: Program, wire: Wire) -> None:
    with pytest.raises(NoInterfaceError):
        attach_xdp_netlink(passing, 0x7FFFFFF0, netns=wire.near)
    with pytest.raises(NoInterfaceError):
        detach_xdp_netlink("nope", netns=wire.near)
    with pytest.raises(NoInterfaceError):
        query_xdp("nope", netns=wire.near)
    with pytest.raises(FeatureError, match="offload"):
        attach_xdp_netlink(passing, "v0", mode=XdpMode.OFFLOAD, netns=wire.near)


def test_mtu_is_refused_in_netlinks_own_words(passing: Program, wire: Wire) -> None:
    run(f"ip -n {wire.far} link set v1 mtu 9000")
    with pytest.raises(OSError, match="MTU is too large") as caught:
        attach_xdp_netlink(passing, "v0", netns=wire.near)
    assert caught.value.errno == errno.ERANGE


def test_dispatcher_of_libxdp_is_known_by_its_name(
    compiled: Callable[[str], Path], passing: Program, wire: Wire
) -> None:
    with (
        BpfObject.open(compiled("dispatcher")) as opened,
        opened.load() as loaded,
        loaded.program("xdp_dispatcher") as dispatcher,
    ):
        attach_xdp_netlink(dispatcher, "v0", netns=wire.near)
    assert query_xdp("v0", netns=wire.near).dispatcher is True
    with pytest.raises(AttachConflictError, match="attach through libxdp") as caught:
        passing.attach_xdp("v0", netns=wire.near)
    assert caught.value.holder is not None
    assert caught.value.holder.dispatcher is True
