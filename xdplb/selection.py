# SPDX-License-Identifier: BSD-2-Clause
"""Which of the attachments a command is about."""

from collections.abc import Iterable
from typing import NamedTuple

from xdplb.errors import NotAttachedError, UsageError
from xdplb.namespace import AttachmentName, find_netns_name
from xdplb.state import PinFolder, State


class Choice(NamedTuple):
    """Which attachment a command is about: with only one there is nothing to choose.

    *only_here* leaves out those of other network namespaces than this thread's.
    """

    interface: str | None = None
    only_here: bool = False


def choose_all(state: State, choice: Choice) -> list[AttachmentName]:
    """Return all attachments that *choice* may mean."""
    here = find_netns_name() if choice.only_here else None
    return [
        name
        for name in state.names()
        if choice.interface in (None, name.interface)
        and (not choice.only_here or name.netns == here)
    ]


def choose(state: State, choice: Choice) -> PinFolder:
    """Return the attachment that is meant.

    :raises NotAttachedError: if there is none, or none of that name
    :raises UsageError: if several could be meant
    """
    found = choose_all(state, choice)
    if len(found) > 1:
        here = find_netns_name()
        found = [name for name in found if name.netns == here] or found
    if len(found) == 1:
        return state.folder(found[0])
    where = choice.interface or "xdplb"
    if found:
        raise UsageError(
            f"{where}: which attachment is meant? choose one with -i and --netns: {join(found)}"
        )
    if names := state.names():
        raise NotAttachedError(f"{where}: xdplb is not attached there; it is on {join(names)}")
    what = f"xdplb attach {choice.interface or 'IFACE'}"
    raise NotAttachedError(f"{where}: xdplb is not attached; attach it with: {what}")


def join(names: Iterable[AttachmentName]) -> str:
    """Return the names in one line, as options that choose them."""
    return ", ".join(
        f"-i {name.interface}" + (f" --netns {name.netns}" if name.netns else "") for name in names
    )
