# SPDX-License-Identifier: BSD-2-Clause
"""One useful line out of a verifier's log."""

from __future__ import annotations

from errno import EACCES, EPERM

from xdplb.bpf.calls import kernel_error, strerror
from xdplb.bpf.errors import KernelError, VerifierError
from xdplb.bpf.host import missing_capabilities
from xdplb.bpf.typehints import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

# Patterns, compiled when a program is refused: the re module takes its time to import.
_LOG = r"(?s)prog '([^']*)': -- BEGIN PROG LOAD LOG --\n(.*?)-- END PROG LOAD LOG --"
_PROCESSED = r"(?m)^processed (\d+) insns"
# Kernels from 6.10 on write where a line of C stands; older ones give the line's text only.
_SOURCE = r"(?m)^; .* @ (\S+:\d+)$"
_CHATTER = (
    r"processed \d|verification time|stack depth|max_states|mark_precise|;|\d+: |from \d+ to|"
    r"func#|$"
)


def split_logs(said: str) -> dict[str, str]:
    """Return the verifier's log of each program, out of what libbpf said."""
    import re  # noqa: PLC0415

    return dict(re.findall(_LOG, said))


def find_reason(log: str) -> str:
    """Return the last line of *log* that says why, and not how far."""
    import re  # noqa: PLC0415

    lines = [line.strip() for line in log.splitlines()]
    reasons = [line for line in lines if not re.match(_CHATTER, line)]
    return reasons[-1] if reasons else ""


def find_source(log: str, files: Iterable[str] = ()) -> str | None:
    """Return ``file:line`` of the last C that *log* mentions; None on kernels that tell none.

    :param files: whole names of source files; the log has their last parts
    """
    import re  # noqa: PLC0415

    found = re.findall(_SOURCE, log)
    if not found:
        return None
    name, _, line = str(found[-1]).rpartition(":")
    whole = {file for file in files if file == name or file.endswith("/" + name)}
    return f"{whole.pop() if len(whole) == 1 else name}:{line}"


def find_instructions(log: str) -> int:
    """Return how many instructions the verifier walked; 0 if the log does not say."""
    import re  # noqa: PLC0415

    processed = re.findall(_PROCESSED, log)
    return int(processed[-1]) if processed else 0


def find_program(said: str) -> str:
    """Return the name of the program that did not load, out of what libbpf said; maybe empty."""
    import re  # noqa: PLC0415

    failed = re.findall(r"prog '([^']*)': (?:BPF program load failed|failed to load)", said)
    return str(failed[-1]) if failed else ""


def verifier_error(
    code: int, program: str, log: str, *, files: Iterable[str] = (), subject: str = ""
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
    error.instructions = find_instructions(log)
    error.hint = _hint(code, reason)
    return error


def _hint(code: int, reason: str) -> str:
    # The length of a packet, data_end - data, is pointer arithmetic that wants CAP_PERFMON.
    missing = missing_capabilities() if -code in (EACCES, EPERM) and "pointer" in reason else []
    return f"this may be allowed with {', '.join(missing)}" if missing else ""
