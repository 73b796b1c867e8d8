# SPDX-License-Identifier: BSD-2-Clause
"""Links: attachments held by a descriptor or a pin.

A link lives as long as any descriptor or pin of it does. Closing the last one detaches; so does
the end of the process, unless the link is pinned.
"""

from __future__ import annotations

import os
import warnings
from errno import EPERM

from xdplb._libbpf import lib
from xdplb.bpf.calls import check, kernel_error, listen
from xdplb.bpf.errors import AttachConflictError, BpfError
from xdplb.bpf.handle import Handle, open_id, open_pin
from xdplb.bpf.info import LinkInfo, read_link_info
from xdplb.bpf.netns import interface_index, open_netns
from xdplb.bpf.typehints import TYPE_CHECKING, cast
from xdplb.bpf.xdp import Place, XdpMode, attach_error

if TYPE_CHECKING:
    from os import PathLike
    from typing import Self

    from xdplb.bpf.netns import Netns
    from xdplb.bpf.program import Program


class Link(Handle):
    """An attachment.

    Say what is meant: :meth:`close` drops this handle, :meth:`detach` ends the attachment,
    :meth:`pin` keeps it. Collecting an open handle as garbage never detaches: where closing the
    descriptor would, it stays open until the process ends, and a :class:`ResourceWarning` says so.
    """

    __slots__ = ("_first_info", "_pin_path")

    kind = "link"

    def __init__(self, fd: int, *, pin_path: str | None = None) -> None:
        self._fd = -1
        self._first_info = read_link_info(fd)
        self._pin_path = pin_path
        super().__init__(fd)

    @classmethod
    def from_pin(cls, path: str | PathLike[str]) -> Self:
        """Open the link pinned at *path*.

        :raises NotFoundError: if nothing is pinned there
        """
        return cls._adopt(open_pin(path, cls.kind), os.fspath(path))

    @classmethod
    def from_id(cls, number: int) -> Self:
        """Open the link with that id; needs CAP_SYS_ADMIN.

        :raises NotFoundError: if there is none
        """
        return cls._adopt(open_id(lib.SHIM_LINK, number, cls.kind), None)

    @classmethod
    def _adopt(cls, fd: int, pin_path: str | None) -> Self:
        try:
            made = XdpLink if read_link_info(fd).type == "xdp" else cls
            return cast("Self", made(fd, pin_path=pin_path))
        except BaseException:
            os.close(fd)
            raise

    @property
    def subject(self) -> str:
        return f"link {self._first_info.id}"

    @property
    def id(self) -> int:
        """The kernel's number for it."""
        return self._first_info.id

    @property
    def info(self) -> LinkInfo:
        """What the kernel says about it now."""
        return read_link_info(self.fileno())

    @property
    def pin_path(self) -> str | None:
        """Where this handle pinned it, or found it pinned."""
        return self._pin_path

    def update(self, program: Program, *, expect: Program | None = None) -> None:
        """Put another program in place of the attached one; no packet meets neither or both.

        :param expect: the program that must be there now
        :raises AttachConflictError: if another one than *expect* is there
        :raises LinkSeveredError: if the interface is gone
        """
        expected = lib.SHIM_ANY_PROGRAM if expect is None else expect.fileno()
        code = lib.shim_link_update(self.fileno(), program.fileno(), expected)
        if code >= 0:
            return
        error = kernel_error(code, "update", self.subject)
        if code == -EPERM and expect is not None and self.info.program_id != expect.info.id:
            words = f"program {self.info.program_id} is attached, not {expect.info.id} as expected"
            raise AttachConflictError(
                error.operation, error.subject, EPERM, error.strerror or "", words
            )
        raise error

    def pin(self, path: str | PathLike[str]) -> None:
        """Keep it beyond this process, under a name on a bpf file system."""
        super().pin(path)
        self._pin_path = os.fspath(path)

    def unpin(self) -> None:
        """Take its name away; it lives on while this handle is open.

        :raises BpfError: if this handle knows of no pin
        """
        if self._pin_path is None:
            raise BpfError(f"{self.subject}: is not pinned through this handle")
        self.fileno()
        os.unlink(self._pin_path)
        self._pin_path = None

    def detach(self) -> None:
        """End the attachment now, whoever else holds the link; a pin stays, of a link to nothing.

        :raises KernelError: if the kernel refuses
        """
        check(lib.bpf_link_detach(self.fileno()), "detach", self.subject)

    def __del__(self) -> None:
        if getattr(self, "_fd", -1) < 0:
            return
        if self._pin_path is not None:
            super().__del__()
            return
        warnings.warn(
            f"{self!r} was never closed; its descriptor stays open, since closing it would detach",
            ResourceWarning,
            stacklevel=1,
            source=self,
        )


class XdpLink(Link):
    """An XDP program on an interface. Another link on the same interface is refused."""

    __slots__ = ()

    @property
    def ifindex(self) -> int:
        """Index of the interface in its network namespace; 0 once the interface is gone."""
        return self.info.ifindex


def attach_xdp(program: Program, interface: str | int, *, mode: XdpMode, netns: Netns) -> XdpLink:
    """Do what :meth:`Program.attach_xdp` says."""
    with open_netns(netns) as namespace:
        index = interface_index(interface, namespace)
        code, log = listen(lib.shim_link_create_xdp, namespace, program.fileno(), index, mode.flags)
        if code < 0:
            place = Place(interface, index, namespace)
            raise attach_error(code, "attach to", place, mode, log)
    return XdpLink(code)
