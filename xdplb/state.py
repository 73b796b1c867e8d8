# SPDX-License-Identifier: BSD-2-Clause
"""Where attachments live: a folder of pins for each on the bpf filesystem, and one lock.

The pins are the only truth; nothing of ours has to run. A folder is made under a name that
starts with a colon, which readers pass over, and renamed into place when all is in it.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from xdplb.bpf import Link, is_bpffs
from xdplb.errors import BpffsError, PrivilegeError
from xdplb.namespace import AttachmentName, ancestors

BPFFS = "/sys/fs/bpf"
FOLDER = "xdplb"
ASIDE = ":"
LINK = "link"
PROGRAM = "program"


def find_bpffs() -> str:
    """Return the path of the bpf filesystem that the host's other processes see.

    ``ip netns exec`` mounts a /sys of its own over it; our ancestors still have the real one.

    :raises BpffsError: if none of them has any
    """
    if is_bpffs(BPFFS):
        return BPFFS
    for pid in ancestors():
        theirs = f"/proc/{pid}/root{BPFFS}"
        if is_bpffs(theirs):
            # By descriptor: it stays right when that process ends before us.
            return f"/proc/self/fd/{os.open(theirs, os.O_PATH | os.O_DIRECTORY)}"
    raise BpffsError(
        f"{BPFFS}: no bpf filesystem is mounted here; mount it with: mount -t bpf bpf {BPFFS}"
    )


class PinFolder:
    """The pins of one attachment, made or not yet made."""

    def __init__(self, path: str, name: AttachmentName) -> None:
        self.path = path
        self.name = name

    def __str__(self) -> str:
        """Where a person finds it, also if we reach it by another way."""
        return f"{BPFFS}/{FOLDER}/{os.path.basename(self.path)}"

    def pin(self, what: str) -> str:
        """Return the path of one pin."""
        return f"{self.path}/{what}"

    def exists(self) -> bool:
        """Tell whether the folder is there."""
        return os.path.isdir(self.path)

    def replace_pin(self, new: str, old: str) -> None:
        """Put the pin *new* in the place of *old* in one step."""
        os.rename(self.pin(new), self.pin(old))

    def rename(self, other: "PinFolder") -> None:
        """Move all pins to the folder *other*, which must not be there."""
        os.rename(self.path, other.path)

    def remove(self) -> None:
        """Unpin everything; nothing happens where nothing is."""
        if self.exists():
            for entry in os.listdir(self.path):
                os.unlink(self.pin(entry))
            os.rmdir(self.path)


class State:
    """All attachments of this host."""

    def __init__(self, bpffs: str | None = None) -> None:
        self.root = f"{bpffs or find_bpffs()}/{FOLDER}"

    def names(self) -> list[AttachmentName]:
        """Return the attachments there are, without the half-made ones."""
        try:
            entries = os.listdir(self.root)
        except FileNotFoundError:
            return []
        except PermissionError:
            raise PrivilegeError(
                f"{BPFFS}: permission denied; run as root, or own {BPFFS}/{FOLDER}"
            ) from None
        found = [AttachmentName.decode(e) for e in entries if not e.startswith(ASIDE)]
        return sorted(found, key=str)

    def folder(self, name: AttachmentName) -> PinFolder:
        """Return the folder of an attachment, whether it exists or not."""
        return PinFolder(f"{self.root}/{name.encode()}", name)

    def aside(self, name: AttachmentName) -> PinFolder:
        """Return the folder that an attachment is built in before it takes its place."""
        return PinFolder(f"{self.root}/{ASIDE}{name.encode()}", name)

    @contextmanager
    def build(self, name: AttachmentName) -> Iterator[PinFolder]:
        """Give out an empty folder; it takes its place at the end, or vanishes on an error."""
        folder = self.aside(name)
        os.mkdir(folder.path, 0o700)
        try:
            yield folder
            folder.rename(self.folder(name))
        except BaseException:
            detach_link(folder)
            folder.remove()
            raise

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Be the only writer; what a killed one left half-made is removed first."""
        descriptor = self._open_locked()
        try:
            self._sweep()
            yield
        finally:
            if not os.listdir(self.root):
                os.rmdir(self.root)
            os.close(descriptor)

    def _open_locked(self) -> int:
        """Return a descriptor of the root folder that holds the lock."""
        while True:
            self._make_root()
            descriptor = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            # The one before us may have removed the folder that we waited for.
            if os.path.isdir(self.root) and os.path.samestat(
                os.fstat(descriptor), os.stat(self.root)
            ):
                return descriptor
            os.close(descriptor)

    def _make_root(self) -> None:
        try:
            os.mkdir(self.root, 0o700)
        except FileExistsError:
            return
        except PermissionError:
            raise PrivilegeError(f"{BPFFS}: permission denied; run as root") from None

    def _sweep(self) -> None:
        for entry in os.listdir(self.root):
            if entry.startswith(ASIDE):
                folder = PinFolder(f"{self.root}/{entry}", AttachmentName(entry))
                detach_link(folder)
                folder.remove()


def detach_link(folder: PinFolder) -> None:
    """Take the program off its interface, if the link is there at all."""
    if os.path.exists(folder.pin(LINK)):
        with Link.from_pin(folder.pin(LINK)) as link:
            link.detach()
