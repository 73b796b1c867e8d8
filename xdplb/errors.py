# SPDX-License-Identifier: BSD-2-Clause
"""What can go wrong above the binding, and the exit code it ends in.

::

    XdplbError                      1: the machine refuses
    ├── UsageError                  2: wrong words, unknown modes, impossible combinations
    │   └── UnsupportedError        2: known words, for something that is not built yet
    ├── PrivilegeError              a capability or the permission to a file is missing
    ├── BpffsError                  no bpf filesystem, or one with something odd in it
    ├── InterfaceError              no such interface, or it lacks what is needed
    ├── NotAttachedError            there is no attachment of that name
    ├── AlreadyAttachedError        there is one already
    ├── ForeignProgramError         somebody else's XDP program is on the interface
    ├── NotFoundError               no such service or backend
    ├── ExistsError                 the service or backend is there already
    ├── CapacityError               a limit chosen at attach is reached
    └── GuardError                  it would cut off the caller; --force lifts that

Each message reads ``where: what is wrong; what to do``.
"""


class XdplbError(Exception):
    """Anything xdplb refuses or could not do."""

    exit_code = 1


class UsageError(XdplbError):
    """The words make no sense, alone or together."""

    exit_code = 2


class UnsupportedError(UsageError):
    """The words make sense, but this version cannot do it yet."""


class PrivilegeError(XdplbError):
    """The caller may not do this."""


class BpffsError(XdplbError):
    """There is no place to pin to, or what is pinned there is not ours."""


class InterfaceError(XdplbError):
    """The interface does not exist or lacks what is needed of it."""


class NotAttachedError(XdplbError):
    """There is no attachment on that interface."""


class AlreadyAttachedError(XdplbError):
    """xdplb is on that interface already."""


class ForeignProgramError(XdplbError):
    """Somebody else's program is on that interface; it is never replaced."""


class NotFoundError(XdplbError):
    """There is no such service or backend."""


class ExistsError(XdplbError):
    """The service or backend is there already."""


class CapacityError(XdplbError):
    """A limit that was chosen at attach is reached."""


class GuardError(XdplbError):
    """What was asked would cut the caller off."""
