# SPDX-License-Identifier: BSD-2-Clause
"""Swap the program of an attachment and, if asked, its services: no packet is lost."""

import os
from collections.abc import Sequence

from xdplb.attachment import read_host, resolve
from xdplb.bpf import Link, Program, XdpMode, query_xdp
from xdplb.bpf.errors import MapMismatchError
from xdplb.dataplane import VALUES, DataPlane
from xdplb.errors import UsageError, XdplbError
from xdplb.loader import MAIN_PROGRAM, load
from xdplb.model import Limits
from xdplb.request import Attached, Job
from xdplb.services import WantedBackend, add_service, remove_service, set_backends, sweep
from xdplb.state import LINK, PROGRAM, PinFolder, State

NEW_PROGRAM = "program-new"


def replace(state: State, job: Job) -> Attached:
    """Load the program anew against the maps that are there and swap it in.

    With services asked for, those of their VIP become what was asked.

    :raises XdplbError: if the maps do not fit the program; all stays as it was
    """
    mode = keep_mode(job)
    wanted, warnings = resolve(job.request.backends, lambda: job.interface)
    folder = state.folder(job.name)
    with state.lock(), DataPlane.from_folder(folder) as plane:
        limits = keep_limits(job, plane.limits())
        settings = job.request.settings._replace(limits=limits)
        try:
            loaded = load(job.interface, settings, reuse={n: plane.raw(n) for n in VALUES})
        except MapMismatchError as error:
            raise XdplbError(explain_mismatch(job, error)) from error
        with loaded:
            sweep(plane)
            renew(plane, job, wanted, folder, loaded.program(MAIN_PROGRAM))
    return Attached(job.name, mode, job.services, warnings, replaced=True)


def renew(
    plane: DataPlane,
    job: Job,
    wanted: Sequence[WantedBackend],
    folder: PinFolder,
    program: Program,
) -> None:
    """Change the services, if any are asked for, and swap the program: all or nothing."""
    with plane.change():
        if job.services:
            sync_services(plane, job, wanted)
        swap(folder, program)


def keep_mode(job: Job) -> XdpMode:
    """Return the XDP mode there is; a link keeps its mode as long as it lives."""
    mode = query_xdp(job.interface.name).mode or XdpMode.AUTO
    if job.request.xdp_mode not in (XdpMode.AUTO, mode):
        raise UsageError(
            f"{job.interface.name}: is attached in {mode.value} mode, which --replace keeps; "
            f"to change it: xdplb detach {job.interface.name}"
        )
    return mode


def keep_limits(job: Job, limits: Limits) -> Limits:
    """Return the limits there are; the maps that hold all connections cannot grow."""
    for name, size in job.request.limits.items():
        if size != getattr(limits, name):
            raise UsageError(
                f"{job.interface.name}: was attached with {getattr(limits, name)} for {name}, "
                f"not {size}, and --replace keeps it; to change it: "
                f"xdplb detach {job.interface.name}"
            )
    return limits


def explain_mismatch(job: Job, error: MapMismatchError) -> str:
    """Return what differs, a line for each field."""
    lines = "".join(f"\n  {error.subject}: {each}" for each in error.differences)
    return (
        f"{job.interface.name}: the maps in use do not fit this version's program; "
        f"detach and attach anew{lines}"
    )


def sync_services(plane: DataPlane, job: Job, wanted: Sequence[WantedBackend]) -> None:
    """Make the services of the VIP those that are asked for; what stays keeps its ids."""
    loaded = {record.service.key: (n, record) for n, record in plane.services().items()}
    keys = {service.key for service in job.services}
    vip = job.services[0].key.vip
    for key, (number, _) in loaded.items():
        if key.vip == vip and key not in keys:
            remove_service(plane, number)
    for service in job.services:
        if service.key not in loaded:
            add_service(plane, service, wanted, read_host(job.interface, service.key))
            continue
        number, record = loaded[service.key]
        asked = record.service._replace(
            mode=service.mode, scheduler=service.scheduler, hash_on=service.hash_on
        )
        plane.put_service(number, record._replace(service=asked))
        set_backends(plane, number, wanted)


def swap(folder: PinFolder, program: Program) -> None:
    """Put *program* in the place of the one that runs, and of its pin."""
    new = folder.pin(NEW_PROGRAM)
    if os.path.exists(new):
        os.unlink(new)  # of a writer that was killed
    with Program.from_pin(folder.pin(PROGRAM)) as old, Link.from_pin(folder.pin(LINK)) as link:
        program.pin(new)
        try:
            link.update(program)
            folder.replace_pin(NEW_PROGRAM, PROGRAM)
        except BaseException:
            link.update(old)
            if os.path.exists(new):
                os.unlink(new)
            raise
