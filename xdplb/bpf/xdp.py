# SPDX-License-Identifier: BSD-2-Clause
"""What is attached to an interface, and attaching over netlink, without a link.

A netlink attachment survives the process and belongs to nobody; a link (:mod:`xdplb.bpf.link`)
has an owner and is the better choice since Linux 5.9.
"""

from __future__ import annotations

from enum import Enum
from errno import EBUSY, EEXIST, EINVAL, ENODEV, EOPNOTSUPP, ERANGE

from xdplb._libbpf import ffi, lib
from xdplb.bpf.calls import check, kernel_error, listen, strerror
from xdplb.bpf.errors import AttachConflictError, FeatureError, KernelError, NoInterfaceError
from xdplb.bpf.ids import links, program_name
from xdplb.bpf.netns import interface_index, interface_name, open_netns
from xdplb.bpf.typehints import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from xdplb.bpf.netns import Netns
    from xdplb.bpf.program import Program

DISPATCHER = "xdp_dispatcher"  # the name of libxdp's program that calls others


class XdpMode(Enum):
    """Where the program runs; AUTO is native where the driver can, else generic."""

    AUTO = "auto"
    NATIVE = "native"
    GENERIC = "generic"
    OFFLOAD = "offload"

    @property
    def flags(self) -> int:
        """The ``XDP_FLAGS_*`` that ask for it."""
        return _FLAGS[self]


_FLAGS = {
    XdpMode.AUTO: 0,
    XdpMode.NATIVE: lib.XDP_FLAGS_DRV_MODE,
    XdpMode.GENERIC: lib.XDP_FLAGS_SKB_MODE,
    XdpMode.OFFLOAD: lib.XDP_FLAGS_HW_MODE,
}


class XdpState(NamedTuple):
    """Who holds an interface's XDP hook.

    :ivar mode: None if nothing is attached
    :ivar program_name: empty without CAP_SYS_ADMIN
    :ivar link_id: of the link that holds it; None for netlink, and without CAP_SYS_ADMIN
    :ivar dispatcher: it is libxdp's dispatcher, which takes programs by libxdp only
    """

    mode: XdpMode | None = None
    program_id: int = 0
    program_name: str = ""
    link_id: int | None = None
    dispatcher: bool = False

    def __str__(self) -> str:
        if self.mode is None:
            return "no XDP program"
        by = "" if self.link_id is None else f", link {self.link_id}"
        libxdp = "; attach through libxdp" if self.dispatcher else ""
        name = f" {self.program_name!r}" if self.program_name else ""
        return f"program {self.program_id}{name} ({self.mode.value}{by}){libxdp}"


class _AnyProgram:
    """Says that whatever program is there may be replaced."""

    def __repr__(self) -> str:
        return "ANY_PROGRAM"


ANY_PROGRAM = _AnyProgram()


def query_xdp(interface: str | int, *, netns: Netns = None) -> XdpState:
    """Return what is attached to an interface.

    :param netns: its network namespace: a name, path or descriptor
    :raises NoInterfaceError: if there is no such interface
    """
    with open_netns(netns) as namespace:
        index = interface_index(interface, namespace)
        raw = ffi.new("struct shim_xdp_state *")
        code, log = listen(lib.shim_xdp_query, namespace, index, raw)
    check(code, "query XDP of", f"interface {interface}", log)
    mode, program = _choose(raw)
    if mode is None:
        return XdpState()
    name = program_name(program)
    return XdpState(mode, program, name, _find_link(index, program), name == DISPATCHER)


def _choose(raw: Any) -> tuple[XdpMode | None, int]:
    """Return mode and program; the one that sees packets first where there are several."""
    for mode, program in (
        (XdpMode.OFFLOAD, raw.offload_id),
        (XdpMode.NATIVE, raw.native_id),
        (XdpMode.GENERIC, raw.generic_id),
    ):
        if program:
            return mode, program
    return None, 0


def _find_link(index: int, program: int) -> int | None:
    # Link information has an interface index but no namespace, so the program must agree too.
    try:
        return next(
            (link.id for link in links() if (link.ifindex, link.program_id) == (index, program)),
            None,
        )
    except PermissionError:
        return None


def attach_xdp_netlink(
    program: Program,
    interface: str | int,
    *,
    mode: XdpMode = XdpMode.NATIVE,
    expect: Program | _AnyProgram | None = None,
    netns: Netns = None,
) -> None:
    """Attach *program* so that it stays without anybody holding it.

    :param expect: the program that it is to replace; None: there must be none; ANY_PROGRAM: any
    :raises AttachConflictError: if another program is there, or a link holds the hook
    :raises NoInterfaceError: if there is no such interface
    """
    flags, expected = mode.flags, lib.SHIM_ANY_PROGRAM
    if expect is None:
        flags |= lib.XDP_FLAGS_UPDATE_IF_NOEXIST
    elif not isinstance(expect, _AnyProgram):
        expected = expect.fileno()
    with open_netns(netns) as namespace:
        index = interface_index(interface, namespace)
        code, log = listen(lib.shim_xdp_attach, namespace, index, program.fileno(), flags, expected)
        if code < 0:
            place = Place(interface, index, namespace)
            raise attach_error(code, "attach to", place, mode, log)


def detach_xdp_netlink(
    interface: str | int,
    *,
    mode: XdpMode | None = None,
    expect: Program | None = None,
    netns: Netns = None,
) -> bool:
    """Take the program off an interface; False if there was none (in that mode).

    The kernel answers "done" to a detach in the wrong mode and does nothing, so the mode is asked
    for first.

    :param expect: only this program; else it is an :class:`AttachConflictError`
    :raises AttachConflictError: if a link holds the hook; detach the link
    """
    with open_netns(netns) as namespace:
        index = interface_index(interface, namespace)
        found = query_xdp(index, netns=namespace if namespace >= 0 else None)
        if found.mode is None or mode not in (None, XdpMode.AUTO, found.mode):
            return False
        expected = lib.SHIM_ANY_PROGRAM if expect is None else expect.fileno()
        code, log = listen(lib.shim_xdp_attach, namespace, index, -1, found.mode.flags, expected)
        if code < 0:
            place = Place(interface, index, namespace)
            raise attach_error(code, "detach from", place, found.mode, log)
    return True


class Place(NamedTuple):
    """Where an attachment was to be: the caller's word, the index, the namespace or -1."""

    interface: str | int
    ifindex: int
    namespace: int


def attach_error(code: int, operation: str, place: Place, mode: XdpMode, log: str) -> KernelError:
    """Return the exception for a refused attachment, with who holds the hook where somebody does.

    :param log: what netlink said; a link is refused without a word
    """
    subject = f"interface {place.interface}"
    number = -code
    if number in (EBUSY, EEXIST):
        return _conflict(code, operation, place, log)
    if number in (EINVAL, ENODEV) and interface_name(place.ifindex, place.namespace) is None:
        words = strerror(ENODEV)
        return NoInterfaceError(operation, subject, ENODEV, words, "not in this network namespace")
    if number == EOPNOTSUPP or (number == EINVAL and mode is XdpMode.OFFLOAD):
        log = log or f"its driver has no {mode.value} XDP"
        lacking = FeatureError(operation, subject, number, strerror(number), log)
        lacking.feature = f"{mode.value} XDP"
        return lacking
    if number == ERANGE:
        log = log or (
            "its MTU is too large for a program without frags; "
            "lower it, build the program as xdp.frags, or use the generic mode"
        )
    return kernel_error(code, operation, subject, log)


def _conflict(code: int, operation: str, place: Place, log: str) -> AttachConflictError:
    try:
        holder = query_xdp(place.ifindex, netns=place.namespace if place.namespace >= 0 else None)
    except KernelError:
        holder = None
    words = f"{log}\nheld by {holder}" if holder else log
    subject = f"interface {place.interface}"
    error = AttachConflictError(operation, subject, -code, strerror(-code), words)
    error.holder = holder
    return error
