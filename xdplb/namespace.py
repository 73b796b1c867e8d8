# SPDX-License-Identifier: BSD-2-Clause
"""Network namespaces: which one this is, and what an attachment in it is called."""

import os
from collections.abc import Iterator
from typing import NamedTuple

NAMED = "/run/netns"
OWN = "/proc/thread-self/ns/net"
ESCAPED = {"%": "%25", ".": "%2e", ":": "%3a", "/": "%2f"}


class AttachmentName(NamedTuple):
    """An interface and its network namespace; ``None`` for the host's own."""

    interface: str
    netns: str | None = None

    def __str__(self) -> str:
        return f"{self.netns}:{self.interface}" if self.netns else self.interface

    def encode(self) -> str:
        """Return the pin folder's name. A bpf filesystem takes no dot in a name."""
        words = (self.netns, self.interface) if self.netns else (self.interface,)
        return ":".join(map(escape, words))

    @classmethod
    def decode(cls, folder: str) -> "AttachmentName":
        """Return what :meth:`encode` made *folder* of."""
        *netns, interface = map(unescape, folder.split(":"))
        return cls(interface, netns[0] if netns else None)


def escape(word: str) -> str:
    """Return *word* without the characters that mean something else in a pin's path."""
    return "".join(ESCAPED.get(character, character) for character in word)


def unescape(word: str) -> str:
    """Return what :func:`escape` made *word* of."""
    for character, code in reversed(ESCAPED.items()):
        word = word.replace(code, character)
    return word


def ancestors() -> Iterator[int]:
    """Yield the process ids of our parent, its parent and so on up to process 1."""
    pid = os.getpid()
    while pid > 1:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            # The command's name stands in parentheses and may hold anything.
            pid = int(stat.read().rpartition(b")")[2].split()[1])
        if pid:
            yield pid


def find_host_netns() -> str:
    """Return the path of the host's network namespace, that of process 1.

    Where process 1 may do more than we, the kernel does not let us look at it: then that of our
    farthest ancestor that we may look at.
    """
    for pid in sorted(ancestors()):
        path = f"/proc/{pid}/ns/net"
        if os.access(path, os.F_OK):
            return path
    return OWN


def find_netns_name() -> str | None:
    """Return the name of this thread's network namespace, ``None`` for the host's own.

    One that has no name under /run/netns is called by the number of its inode.
    """
    here = os.stat(OWN)
    if is_same(here, "/proc/1/ns/net"):
        return None
    names = sorted(os.listdir(NAMED)) if os.path.isdir(NAMED) else []
    for name in names:
        if is_same(here, os.path.join(NAMED, name)):
            return name
    return None if is_same(here, find_host_netns()) else str(here.st_ino)


def is_same(here: os.stat_result, path: str) -> bool:
    """Tell whether *path* is the namespace *here*; not so where we may not look."""
    try:
        return os.path.samestat(here, os.stat(path))
    except (PermissionError, FileNotFoundError):
        return False


def is_named(netns: str) -> bool:
    """Tell whether *netns* can be entered by its name."""
    return os.path.exists(os.path.join(NAMED, netns))
