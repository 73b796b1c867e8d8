# SPDX-License-Identifier: BSD-2-Clause
"""Attach and detach. What fails half way is put back as it was."""

import os
from collections.abc import Sequence

from xdplb.abi_flows import Directory
from xdplb.attachment import read_host, resolve
from xdplb.bpf import Link, XdpMode
from xdplb.dataplane import VALUES, DataPlane
from xdplb.errors import AlreadyAttachedError, NotAttachedError
from xdplb.guard import guard_ssh, require_capabilities
from xdplb.hook import attach_program, refuse_foreign
from xdplb.interface import find_interface
from xdplb.loader import MAIN_PROGRAM, load
from xdplb.model import Limits
from xdplb.namespace import AttachmentName, find_host_netns, find_netns_name
from xdplb.replace import replace
from xdplb.request import Attached, Job, Request, make_services
from xdplb.services import WantedBackend, add_service
from xdplb.state import LINK, PROGRAM, PinFolder, State, detach_link


def attach(request: Request) -> Attached:
    """Bring up a balancer that goes on without any process.

    :raises xdplb.errors.XdplbError: if it cannot be; nothing is left behind then
    """
    require_capabilities("attach")
    interface = find_interface(request.interface)
    name = AttachmentName(interface.name, find_netns_name())
    job = Job(request, interface, name, make_services(request, interface))
    if not request.force:
        guard_ssh(job.services)
    state = State()
    if request.replace and is_alive(state.folder(name)):
        return replace(state, job)
    return attach_anew(state, job)


def is_alive(folder: PinFolder) -> bool:
    """Tell whether there is an attachment; its pins outlive an interface that was deleted."""
    try:
        with Link.from_pin(folder.pin(LINK)) as link:
            return bool(link.info.ifindex)
    except FileNotFoundError:
        return False


def refuse_ours(folder: PinFolder) -> None:
    """Refuse an interface that we are on already."""
    if is_alive(folder):
        interface = folder.name.interface
        raise AlreadyAttachedError(
            f"{interface}: xdplb is attached already, pinned at {folder}; "
            f"change it with `xdplb backend` or `xdplb attach {interface} --replace`"
        )


def attach_anew(state: State, job: Job) -> Attached:
    """Load everything aside, attach, and move it into place."""
    with state.lock():
        make_way(state, job)
    # Without the lock: somebody who does not answer takes a second.
    wanted, warnings = resolve(job.request.backends, lambda: job.interface)
    limits = Limits()._replace(**job.request.limits)
    with state.lock():
        make_way(state, job)
        mode, told = build(state, job, wanted, limits)
    return Attached(job.name, mode, job.services, [*told, *warnings])


def make_way(state: State, job: Job) -> None:
    """Refuse an interface that is held; remove pins that outlived theirs. Needs the lock."""
    folder = state.folder(job.name)
    refuse_ours(folder)
    folder.remove()
    refuse_foreign(job.interface.name)


def build(
    state: State, job: Job, wanted: Sequence[WantedBackend], limits: Limits
) -> tuple[XdpMode, list[str]]:
    """Make the attachment; return its XDP mode and what to tell about that."""
    settings = job.request.settings._replace(limits=limits)
    with (
        load(job.interface, settings) as loaded,
        DataPlane.from_object(loaded) as plane,
        state.build(job.name) as folder,
    ):
        plane.put_directory(new_directory())
        for service in job.services:
            add_service(plane, service, wanted, read_host(job.interface, service.key))
        for name in VALUES:
            plane.map(name).pin(folder.pin(name))
        program = loaded.program(MAIN_PROGRAM)
        program.pin(folder.pin(PROGRAM))
        # Last, so that the first packet finds everything in place.
        link, mode, told = attach_program(program, job.interface, job.request.xdp_mode)
        with link:
            link.pin(folder.pin(LINK))
    return mode, told


def new_directory() -> Directory:
    """Return the directory of an attachment without services, with secrets of its own."""
    return Directory(
        flow_key=int.from_bytes(os.urandom(8)), hash_seed=int.from_bytes(os.urandom(4))
    )


def detach(interface: str) -> AttachmentName:
    """Take the balancer off *interface* of this network namespace, with all it has pinned.

    :raises NotAttachedError: if it is not there
    """
    require_capabilities("detach")
    name = AttachmentName(interface, find_netns_name())
    state = State()
    names = state.names()
    if name not in names:
        raise NotAttachedError(explain_absence(name, names))
    with state.lock():
        take_down(state, name)
    return name


def detach_all() -> list[AttachmentName]:
    """Take every balancer down, in whatever network namespace it is."""
    require_capabilities("detach")
    state = State()
    names = state.names()
    if names:
        with state.lock():
            for name in names:
                take_down(state, name)
    return names


def explain_absence(name: AttachmentName, names: Sequence[AttachmentName]) -> str:
    """Return that there is no such attachment, and where there is one of that name."""
    for other in names:
        if other.interface == name.interface:
            where = f"--netns {other.netns or find_host_netns()}"
            return (
                f"{name.interface}: xdplb is not attached in this network namespace; in another "
                f"one it is: xdplb detach {name.interface} {where}"
            )
    return f"{name.interface}: xdplb is not attached; `xdplb status` shows where it is"


def take_down(state: State, name: AttachmentName) -> None:
    """Take one attachment down; the caller holds the lock."""
    folder, aside = state.folder(name), state.aside(name)
    if not folder.exists():
        return
    # The link first: a reader never sees an attachment vanish that still takes packets.
    detach_link(folder)
    folder.rename(aside)
    aside.remove()
