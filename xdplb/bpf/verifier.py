# SPDX-License-Identifier: BSD-2-Clause
"""One useful line out of a verifier's log."""

import re
from errno import EACCES, EPERM

from xdplb.bpf.calls import kernel_error, strerror
from xdplb.bpf.errors import KernelError, VerifierError
from xdplb.bpf.host import missing_capabilities

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_LOG = re.compile(
    r"prog '([^']*)': -- BEGIN PROG LOAD LOG --\n(.*?)-- END PROG LOAD LOG --", re.DOTALL
)
_PROCESSED = re.compile(r"^processed (\d+) insns", re.MULTILINE)
# Kernels from 6.10 on write where a line of C stands; older ones give the line's text only.
_SOURCE = re.compile(r"^; .* @ (\S+:\d+)$", re.MULTILINE)
_CHATTER = re.compile(
    r"^(processed \d|verification time|stack depth|max_states|mark_precise|;|\d+: |from \d+ to|"
    r"func#|libbpf: |$)"
)


def split_logs(said: str) -> dict[str, str]:
    """Return the verifier's log of each program, out of what libbpf said."""
    return dict(_LOG.findall(said))


def find_reason(log: str) -> str:
    """Return the last line of *log* that says why, and not how far."""
    lines = [line.strip() for line in log.splitlines()]
    reasons = [line for line in lines if not _CHATTER.match(line)]
    return reasons[-1] if reasons else ""


def find_source(log: str, files: "Iterable[str]" = ()) -> str | None:
    """Return ``file:line`` of the last C that *log* mentions; None on kernels that tell none.

    :param files: whole names of source files; the log has their last parts
    """
    found = _SOURCE.findall(log)
    if not found:
        return None
    name, _, line = str(found[-1]).rpartition(":")
    whole = {file for file in files if file == name or file.endswith("/" + name)}
    return f"{whole.pop() if len(whole) == 1 else name}:{line}"


def verifier_error(
    code: int, program: str, log: str, *, files: "Iterable[str]" = (), subject: str = ""
) -> KernelError:
    """Return the exception for a program that the kernel refused to load.

    :param log: the verifier's log; empty if it never came to that
    """
    subject = subject or f"program {program!r}"
    reason = find_reason(log)
    if not reason:
        return kernel_error(code, "load", subject, log)
    error = VerifierError("load", subject, -code, strerror(-code), log)
    error.program = program
    error.reason = reason
    error.source = find_source(log, files)
    processed = _PROCESSED.findall(log)
    error.instructions = int(processed[-1]) if processed else 0
    error.hint = _hint(code, reason)
    return error


def _hint(code: int, reason: str) -> str:
    # The length of a packet, data_end - data, is pointer arithmetic that wants CAP_PERFMON.
    missing = missing_capabilities() if -code in (EACCES, EPERM) and "pointer" in reason else []
    return f"this may be allowed with {', '.join(missing)}" if missing else ""
