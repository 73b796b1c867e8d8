# SPDX-License-Identifier: BSD-2-Clause
"""What goes wrong with a lab.

::

    XdplbError
    └── LabError              1: the machine refuses, or the lab isn't in the state asked for
        └── TopologyError     2: the topology file is at fault; .faults has one line for each
"""

from __future__ import annotations

from collections.abc import Sequence

from xdplb.errors import UsageError, XdplbError


class LabError(XdplbError):
    """Raised when a lab cannot be raised, used or taken down; the text is for people."""


class TopologyError(LabError, UsageError):
    """Raised for a topology that is not to be found, or that has faults.

    :ivar faults: every fault of the file, each ``path: what is wrong``
    """

    def __init__(self, file: str, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        count = f"{len(self.faults)} fault{'s' if len(self.faults) > 1 else ''}"
        super().__init__("\n  ".join((f"{file}: {count}", *self.faults)))
