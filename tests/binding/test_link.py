# SPDX-License-Identifier: BSD-2-Clause
"""XDP links: exclusive, atomic to update, and alive as long as somebody holds them."""

from __future__ import annotations

import errno
import gc
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from binding.stand import DROP, FRAME, PASS, Wire, open_fds, run

from xdplb._libbpf import lib
from xdplb.bpf import (
    AttachConflictError,
    BpfError,
    ClosedError,
    FeatureError,
    KernelError,
    Link,
    LinkSeveredError,
    NoInterfaceError,
    NotFoundError,
    Program,
    XdpLink,
    XdpMode,
    XdpState,
    interface_index,
    links,
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


def test_closing_an_unpinned_link_detaches(passing: Program, wire: Wire) -> None:
    with passing.attach_xdp("v0", netns=wire.near) as link:
        state = query_xdp("v0", netns=wire.near)
        assert state == XdpState(XdpMode.NATIVE, passing.id, "passing", link.id, False)
    assert query_xdp("v0", netns=wire.near) == NONE
    link.close()


def test_pinned_link_outlives_its_handle(passing: Program, wire: Wire, pins: Path) -> None:
    with passing.attach_xdp("v0", netns=wire.near) as link:
        link.pin(pins / "link")
    assert query_xdp("v0", netns=wire.near).program_id == passing.id
    with Link.from_pin(pins / "link") as again:
        assert type(again) is XdpLink
        assert again.info.program_id == passing.id
        again.unpin()
        assert not (pins / "link").exists()
        # The handle still holds it.
        assert query_xdp("v0", netns=wire.near).program_id == passing.id
    assert query_xdp("v0", netns=wire.near) == NONE


def test_unpinning_what_is_not_pinned_is_refused(passing: Program, wire: Wire) -> None:
    with passing.attach_xdp("v0", netns=wire.near) as link, pytest.raises(BpfError):
        link.unpin()


def test_detach_ends_the_attachment_though_it_is_pinned(
    passing: Program, wire: Wire, pins: Path
) -> None:
    with passing.attach_xdp("v0", netns=wire.near) as link:
        link.pin(pins / "link")
        link.detach()
        assert query_xdp("v0", netns=wire.near) == NONE
        assert link.ifindex == 0


def test_collecting_a_link_as_garbage_never_detaches(passing: Program, wire: Wire) -> None:
    link: XdpLink | None = passing.attach_xdp("v0", netns=wire.near)
    assert link is not None
    number = link.id
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        link = None
        gc.collect()
    assert [warning.category for warning in caught] == [ResourceWarning]
    assert "closing it would detach" in str(caught[0].message)
    assert query_xdp("v0", netns=wire.near).program_id == passing.id
    # Clean up what the test has left on purpose.
    with Link.from_id(number) as again:
        again.detach()


def test_collecting_a_pinned_link_closes_its_descriptor(
    passing: Program, wire: Wire, pins: Path
) -> None:
    before = open_fds()
    link: XdpLink | None = passing.attach_xdp("v0", netns=wire.near)
    assert link is not None
    link.pin(pins / "link")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        link = None
        gc.collect()
    assert [warning.category for warning in caught] == [ResourceWarning]
    assert open_fds() == before
    assert query_xdp("v0", netns=wire.near).program_id == passing.id


def test_second_link_is_refused_with_the_holders_name(
    passing: Program, dropping: Program, wire: Wire
) -> None:
    with passing.attach_xdp("v0", netns=wire.near) as link:
        with pytest.raises(AttachConflictError) as caught:
            dropping.attach_xdp("v0", netns=wire.near)
        assert caught.value.holder == query_xdp("v0", netns=wire.near)
        assert str(caught.value) == (
            "attach to interface v0: Device or resource busy; "
            f"held by program {passing.id} 'passing' (native, link {link.id})"
        )


def test_links_are_exclusive_and_refuse_the_flag_that_asks_for_it(
    passing: Program, wire: Wire
) -> None:
    with network_namespace(wire.near):
        index, flags = interface_index("v0"), lib.XDP_FLAGS_UPDATE_IF_NOEXIST
        code = lib.shim_link_create_xdp(-1, passing.fileno(), index, flags)
    assert code == -errno.EINVAL


@pytest.mark.parametrize(
    ("first", "second"),
    [(XdpMode.NATIVE, XdpMode.GENERIC), (XdpMode.GENERIC, XdpMode.NATIVE)],
)
def test_native_and_generic_exclude_each_other(
    passing: Program, dropping: Program, wire: Wire, first: XdpMode, second: XdpMode
) -> None:
    with passing.attach_xdp("v0", mode=first, netns=wire.near):
        with pytest.raises(AttachConflictError) as caught:
            dropping.attach_xdp("v0", mode=second, netns=wire.near)
        assert caught.value.errno in (errno.EEXIST, errno.EBUSY)
        assert caught.value.holder is not None
        assert caught.value.holder.mode is first


def test_auto_is_native_where_the_driver_can(passing: Program, wire: Wire) -> None:
    with passing.attach_xdp("v0", mode=XdpMode.AUTO, netns=wire.near):
        assert query_xdp("v0", netns=wire.near).mode is XdpMode.NATIVE


def test_auto_is_generic_where_the_driver_cannot(passing: Program, wire: Wire) -> None:
    run(f"ip -n {wire.near} link add b0 type bridge")
    with pytest.raises(FeatureError, match="its driver has no native XDP") as caught:
        passing.attach_xdp("b0", netns=wire.near)
    assert caught.value.feature == "native XDP"
    with passing.attach_xdp("b0", mode=XdpMode.AUTO, netns=wire.near):
        assert query_xdp("b0", netns=wire.near).mode is XdpMode.GENERIC


def test_offload_without_such_a_device_is_a_missing_feature(passing: Program, wire: Wire) -> None:
    with pytest.raises(FeatureError, match="no offload XDP"):
        passing.attach_xdp("v0", mode=XdpMode.OFFLOAD, netns=wire.near)


def test_update_swaps_the_program(passing: Program, dropping: Program, wire: Wire) -> None:
    with passing.attach_xdp("v0", netns=wire.near) as link:
        link.update(dropping)
        assert query_xdp("v0", netns=wire.near).program_id == dropping.id
        link.update(passing, expect=dropping)
        assert link.info.program_id == passing.id


def test_update_expecting_another_program_is_refused(
    passing: Program, dropping: Program, wire: Wire
) -> None:
    with passing.attach_xdp("v0", netns=wire.near) as link:
        with pytest.raises(AttachConflictError, match=r"is attached, not .* as expected") as caught:
            link.update(dropping, expect=dropping)
        assert caught.value.errno == errno.EPERM
        assert link.info.program_id == passing.id


def test_link_whose_interface_is_gone_is_severed(
    passing: Program, dropping: Program, wire: Wire
) -> None:
    with passing.attach_xdp("v0", netns=wire.near) as link:
        run(f"ip -n {wire.near} link delete v0")
        assert link.ifindex == 0
        with pytest.raises(LinkSeveredError, match="Link has been severed"):
            link.update(dropping)
        link.detach()
        run(f"ip -n {wire.near} link add v0 type veth peer name v9")
        assert query_xdp("v0", netns=wire.near) == NONE


@pytest.mark.parametrize("interface", ["nope", 0x7FFFFFF0])
def test_missing_interface_is_named(passing: Program, wire: Wire, interface: str | int) -> None:
    with pytest.raises(NoInterfaceError, match=f"interface {interface}: No such device") as caught:
        passing.attach_xdp(interface, netns=wire.near)
    assert caught.value.errno == errno.ENODEV


def test_mtu_too_large_for_the_program_is_explained(passing: Program, wire: Wire) -> None:
    run(f"ip -n {wire.far} link set v1 mtu 9000")
    with pytest.raises(KernelError, match=r"MTU is too large .* frags") as caught:
        passing.attach_xdp("v0", netns=wire.near)
    assert caught.value.errno == errno.ERANGE
    with Program.from_instructions(PASS, frags=True) as frags:
        frags.attach_xdp("v0", netns=wire.near).close()
    with passing.attach_xdp("v0", mode=XdpMode.GENERIC, netns=wire.near):
        assert query_xdp("v0", netns=wire.near).mode is XdpMode.GENERIC


def test_links_are_listed_and_opened_by_id(passing: Program, wire: Wire) -> None:
    with passing.attach_xdp("v0", netns=wire.near) as link:
        assert link.info in list(links())
        assert (link.info.type, link.info.ifindex) == ("xdp", link.ifindex)
        with Link.from_id(link.id) as other:
            assert other.info == link.info
    with pytest.raises(NotFoundError):
        Link.from_id(0x7FFFFFF0)


def test_closed_link_says_so(passing: Program, wire: Wire) -> None:
    link = passing.attach_xdp("v0", netns=wire.near)
    link.close()
    for use in (link.detach, lambda: link.info, lambda: link.update(passing)):
        with pytest.raises(ClosedError, match=f"link {link.id}: is closed"):
            use()


def test_attached_program_sees_packets(wire: Wire, dropping: Program) -> None:
    with Program.from_instructions(PASS) as counted, counted.attach_xdp("v0", netns=wire.near):
        assert counted.test_run(FRAME).retval == 2
        assert query_xdp("v1", netns=wire.far) == NONE
