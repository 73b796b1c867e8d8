# SPDX-License-Identifier: BSD-2-Clause
"""Network namespaces: by name, path or descriptor; and blocks of Python inside one.

A namespace belongs to a thread. The ``netns=`` arguments of this package go there and back within
one call into C; :class:`network_namespace` is for everything else.
"""

from __future__ import annotations

import os
from errno import ENODEV

from xdplb._libbpf import ffi, lib
from xdplb.bpf.calls import check, kernel_error
from xdplb.bpf.errors import NotFoundError
from xdplb.bpf.typehints import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TypeAlias

    Netns: TypeAlias = str | os.PathLike[str] | int | None
    from types import TracebackType

RUN_NETNS = "/run/netns"  # where `ip netns` keeps names
_OWN = "/proc/thread-self/ns/net"
_NAME_ROOM = 16


class open_netns:  # noqa: N801 - reads as a statement, like open()
    """The descriptor of a namespace for a block: -1 for None, an int as it is.

    :raises NotFoundError: if there is no namespace of that name
    """

    def __init__(self, netns: Netns) -> None:
        self._netns = netns
        self._opened = -1

    def __enter__(self) -> int:
        if self._netns is None:
            return -1
        if isinstance(self._netns, int):
            return self._netns
        self._opened = _open(self._netns)
        return self._opened

    def __exit__(self, *_: object) -> None:
        if self._opened >= 0:
            os.close(self._opened)


def _open(netns: str | os.PathLike[str]) -> int:
    path = os.fspath(netns)
    if "/" not in path:
        path = f"{RUN_NETNS}/{path}"
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError as error:
        subject = f"network namespace {os.fspath(netns)}"
        raise NotFoundError("open", subject, error.errno or 0, error.strerror or "") from None


def enter_network_namespace(netns: str | os.PathLike[str] | int) -> None:
    """Move this thread to a network namespace, for good.

    :raises NotFoundError: if there is none of that name
    :raises KernelError: if the kernel refuses
    """
    with open_netns(netns) as fd:
        check(lib.shim_netns_enter(fd), "enter", f"network namespace {netns}")


class network_namespace:  # noqa: N801 - reads as a statement: with network_namespace("blue"):
    """A block of Python in another network namespace; it moves the thread, not the process.

    A thread that cannot find its way back must not go on in the wrong place: that aborts the
    process.
    """

    def __init__(self, netns: str | os.PathLike[str] | int) -> None:
        self._netns = netns
        self._home = -1

    def __enter__(self) -> network_namespace:
        self._home = os.open(_OWN, os.O_RDONLY | os.O_CLOEXEC)
        try:
            enter_network_namespace(self._netns)
        except BaseException:
            home, self._home = self._home, -1
            os.close(home)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        home, self._home = self._home, -1
        if lib.shim_netns_enter(home) < 0:
            os.abort()
        os.close(home)


def interface_index(interface: str | int, netns: int = -1) -> int:
    """Return the index of an interface; a number is taken as it is.

    :param netns: descriptor of its namespace, -1 for this thread's
    :raises NoInterfaceError: if there is none of that name
    """
    if isinstance(interface, int):
        return interface
    code = lib.shim_interface_index(netns, interface.encode())
    return check(code, "find", f"interface {interface}")


def interface_name(index: int, netns: int = -1) -> str | None:
    """Return the name of the interface with that index, or None."""
    name = ffi.new("char[]", _NAME_ROOM)
    code = lib.shim_interface_name(netns, index, name)
    if code < 0:
        error = kernel_error(code, "find", f"interface {index}")
        if error.errno != ENODEV:
            raise error
        return None
    return ffi.string(name).decode(errors="replace")
