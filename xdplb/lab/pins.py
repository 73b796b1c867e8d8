# SPDX-License-Identifier: BSD-2-Clause
"""Balancers attached inside a lab: their pins outlive the namespace unless they go with it."""

from __future__ import annotations

from xdplb.errors import BpffsError
from xdplb.state import State, detach_link


def remove_attachments(namespace: str) -> list[str]:
    """Remove every attachment in *namespace*, which is about to go; return what they were called.

    :raises XdplbError: if we may not
    :raises OSError: if a pin cannot be removed
    """
    try:
        state = State()
    except BpffsError:
        # Without a bpf filesystem nothing can be pinned.
        return []
    found = [name for name in state.names() if name.netns == namespace]
    if found:
        with state.lock():
            for name in found:
                folder = state.folder(name)
                detach_link(folder)
                folder.remove()
    return [str(name) for name in found]
