# SPDX-License-Identifier: BSD-2-Clause
"""Handles: things of the kernel that a file descriptor of ours stands for."""

from __future__ import annotations

import os
import warnings
from errno import EINVAL

from xdplb._libbpf import lib
from xdplb.bpf.calls import check, kernel_error
from xdplb.bpf.errors import ClosedError
from xdplb.bpf.host import explain_pin_failure
from xdplb.bpf.typehints import TYPE_CHECKING

if TYPE_CHECKING:
    from os import PathLike
    from types import TracebackType
    from typing import Self


class Handle:
    """Owner of one file descriptor: a context manager with ``fileno()`` and ``close()``.

    Closing twice is allowed. Collecting an open one as garbage closes the descriptor and says so
    with a :class:`ResourceWarning`, unless it came out of a loaded object.
    """

    __slots__ = ("__weakref__", "_fd", "_quiet")

    kind = "handle"

    def __init__(self, fd: int, *, quiet: bool = False) -> None:
        self._fd = fd
        self._quiet = quiet

    @property
    def subject(self) -> str:
        """What messages call this."""
        return self.kind

    @property
    def closed(self) -> bool:
        """Whether :meth:`close` has been called."""
        return self._fd < 0

    def fileno(self) -> int:
        """Return the file descriptor.

        :raises ClosedError: after :meth:`close`
        """
        if self._fd < 0:
            raise ClosedError(f"{self.subject}: is closed")
        return self._fd

    def close(self) -> None:
        """Give the descriptor back; what it stands for lives on while others hold it."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def pin(self, path: str | PathLike[str]) -> None:
        """Give it a name on a bpf file system, where it outlives this process.

        :raises KernelError: if the name is taken (EEXIST), or the place is no bpf file system
        """
        where = os.fspath(path)
        code = lib.bpf_obj_pin(self.fileno(), os.fsencode(where))
        if code < 0:
            raise kernel_error(
                code, "pin", f"{self.subject} at {where}", explain_pin_failure(where)
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_fd", -1) < 0:
            return
        if not self._quiet:
            warnings.warn(f"{self!r} was never closed", ResourceWarning, stacklevel=1, source=self)
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self._fd < 0 else f"fd {self._fd}"
        return f"<{type(self).__name__} {self.subject}, {state}>"


def open_pin(path: str | PathLike[str], kind: str) -> int:
    """Return a new descriptor of what is pinned at *path*.

    :param kind: what it has to be: ``"map"``, ``"program"`` or ``"link"``
    :raises NotFoundError: if there is no such pin
    :raises KernelError: if it is something else (EINVAL)
    """
    where = os.fspath(path)
    code = lib.bpf_obj_get(os.fsencode(where))
    fd = check(code, f"open {kind}", where, _explain_missing_pin(where) if code < 0 else "")
    # The kernel would describe a map to who asks for a program, and mean other fields.
    found = _kind_of(fd)
    if found in (kind, ""):
        return fd
    os.close(fd)
    raise kernel_error(-EINVAL, f"open {kind}", where, f"it is a {found}")


def _kind_of(fd: int) -> str:
    """Return what a descriptor stands for, by the name the kernel gave its inode."""
    try:
        name = os.readlink(f"/proc/thread-self/fd/{fd}")
    except OSError:
        return ""  # no /proc here, so no way to tell
    word = name.removeprefix("anon_inode:").strip("[]").replace("_", "-").removeprefix("bpf-")
    return "program" if word == "prog" else word


def _explain_missing_pin(path: str) -> str:
    folder = os.path.dirname(os.path.abspath(path))
    if os.path.lexists(path) or not os.path.isdir(folder):
        return ""
    return "" if lib.shim_is_bpffs(os.fsencode(folder)) == 1 else explain_pin_failure(path)


def open_id(kind: int, number: int, subject: str) -> int:
    """Return a new descriptor of the program, map or link with the id *number*.

    :raises NotFoundError: if there is none
    :raises MissingCapabilityError: without CAP_SYS_ADMIN, which the kernel wants for ids
    """
    code = lib.shim_fd_by_id(kind, number)
    if code < 0:
        raise kernel_error(code, "open", f"{subject} {number}", by_id=True)
    return code
