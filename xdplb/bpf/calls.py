# SPDX-License-Identifier: BSD-2-Clause
"""The one way out of C: codes become exceptions here, with what libbpf said about them."""

from __future__ import annotations

import errno as _errno

from xdplb._libbpf import ffi, lib
from xdplb.bpf import errors
from xdplb.bpf.host import has_sys_admin, libbpf_version, missing_capabilities
from xdplb.bpf.typehints import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

ENOTSUPP = 524  # the kernel's own; not in errno.h

lib.shim_log_install()

_CLASSES: dict[int, type[errors.KernelError]] = {
    _errno.EINTR: errors.InterruptedCallError,
    _errno.ENOENT: errors.NotFoundError,
    _errno.ENODEV: errors.NoInterfaceError,
    _errno.ENOLINK: errors.LinkSeveredError,
    _errno.EACCES: errors.DeniedError,
    _errno.EPERM: errors.DeniedError,
}

# libbpf says this for every EPERM of its first probe, and it is nearly never the reason.
_MISLEADING = "RLIMIT_MEMLOCK"


def strerror(code: int) -> str:
    """Return the words for *code*, a positive errno or a code of libbpf's own."""
    text = ffi.new("char[]", 256)
    lib.shim_strerror(code, text, 256)
    return ffi.string(text).decode(errors="replace")


def kernel_error(
    code: int,
    operation: str,
    subject: str,
    log: str = "",
    *,
    kind: type[errors.KernelError] | None = None,
    by_id: bool = False,
) -> errors.KernelError:
    """Return the exception for the return value *code* (negative) of a call.

    :param kind: the class to use unless a missing capability explains the failure
    :param by_id: the call found something by its id, which takes CAP_SYS_ADMIN
    """
    number = abs(code)
    log = "\n".join(line for line in log.splitlines() if _MISLEADING not in line)
    if number in (_errno.EPERM, _errno.EACCES):
        missing = missing_capabilities()
        if by_id and not has_sys_admin():
            missing.append("CAP_SYS_ADMIN")
        if missing:
            words = f"{strerror(number)} (missing {', '.join(missing)})"
            denied = errors.MissingCapabilityError(operation, subject, number, words, log)
            denied.missing = missing
            return denied
    kind = kind or _CLASSES.get(number, errors.KernelError)
    return kind(operation, subject, number, strerror(number), log)


def check(code: int, operation: str, subject: str, log: str = "") -> int:
    """Return *code* if it is 0 or more.

    :raises KernelError: of the class that fits the code
    """
    if code < 0:
        raise kernel_error(code, operation, subject, log)
    return code


def lacking_symbol(operation: str, subject: str, symbol: str, since: str) -> errors.FeatureError:
    """Return the exception for a function that the loaded libbpf has not got.

    :param since: the version it came with
    """
    has = ".".join(map(str, libbpf_version()))
    words = f"{symbol} came with libbpf {since}, this is {has}"
    error = errors.FeatureError(operation, subject, _errno.ENOSYS, strerror(_errno.ENOSYS), words)
    error.feature = symbol
    return error


def listen(call: Callable[..., int], *arguments: object, debug: bool = False) -> tuple[int, str]:
    """Call into C and return its code with what libbpf said meanwhile, in this thread.

    :param debug: keep debugging lines too; on success the verifier's log is among them
    """
    lib.shim_log_begin(lib.LIBBPF_DEBUG if debug else lib.LIBBPF_WARN)
    try:
        code = call(*arguments)
    finally:
        log = _take_log()
    return code, log


def _take_log() -> str:
    text = lib.shim_log_end()
    if not text:
        return ""
    try:
        return ffi.string(text).decode(errors="replace")
    finally:
        lib.shim_free(text)
