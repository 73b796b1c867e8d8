# SPDX-License-Identifier: BSD-2-Clause
"""The XDP hook of an interface: who holds it, and how our program gets on it."""

from xdplb.bpf import KernelError, Program, XdpLink, XdpMode, XdpState, query_xdp
from xdplb.bpf.errors import AttachConflictError
from xdplb.errors import ForeignProgramError
from xdplb.interface import Interface


def describe_holder(interface: str, holder: XdpState | None) -> str:
    """Return who holds the hook and how to be rid of them."""
    if holder is None or holder.mode is None:
        return f"{interface}: another XDP program holds it; try again, or see: bpftool net"
    what = f"{holder.program_name or 'a program without a name'} (id {holder.program_id}"
    what += f", {holder.mode.value} mode)"
    if holder.dispatcher:
        what += ", libxdp's dispatcher,"
    remove = f"ip link set dev {interface} xdp off"
    if holder.link_id is not None:
        what += f" through link {holder.link_id}"
        remove = f"bpftool link detach id {holder.link_id}"
    return f"{interface}: holds another XDP program, {what}; remove it first: {remove}"


def refuse_foreign(interface: str) -> None:
    """Refuse an interface that somebody else's program is on.

    :raises ForeignProgramError: naming the program
    """
    holder = query_xdp(interface)
    if holder.mode is not None:
        raise ForeignProgramError(describe_holder(interface, holder))


def attach_program(
    program: Program, interface: Interface, mode: XdpMode
) -> tuple[XdpLink, XdpMode, list[str]]:
    """Attach by a link and return it, the mode it got, and what to tell about that.

    ``XdpMode.AUTO`` means native, and generic where native is refused.

    :raises ForeignProgramError: if somebody else came first
    """
    try:
        if mode is not XdpMode.AUTO:
            return program.attach_xdp(interface.name, mode=mode), mode, []
        return attach_somehow(program, interface)
    except AttachConflictError as conflict:
        raise ForeignProgramError(describe_holder(interface.name, conflict.holder)) from conflict


def attach_somehow(program: Program, interface: Interface) -> tuple[XdpLink, XdpMode, list[str]]:
    """Attach natively, or else generically with a warning that says why."""
    try:
        return program.attach_xdp(interface.name, mode=XdpMode.NATIVE), XdpMode.NATIVE, []
    except AttachConflictError:
        raise
    except KernelError as refusal:
        link = program.attach_xdp(interface.name, mode=XdpMode.GENERIC)
        why = "; ".join(filter(None, (refusal.strerror, refusal.details())))
        told = f"{interface.name}: native XDP refused: {why}; attached in generic mode, slower"
        return link, XdpMode.GENERIC, [told]
