# SPDX-License-Identifier: BSD-2-Clause
"""What is checked before anything is touched: capabilities, and the caller's own SSH session."""

import os
from collections.abc import Iterable

from xdplb.bpf import missing_capabilities
from xdplb.errors import GuardError, PrivilegeError
from xdplb.model import ANY_PORT, Protocol, Service
from xdplb.namespace import ancestors


def require_capabilities(what: str) -> None:
    """Refuse early, and by name, where the kernel would say EPERM to this or that later.

    :raises PrivilegeError: if CAP_BPF, CAP_NET_ADMIN or CAP_PERFMON is missing
    """
    missing = missing_capabilities()
    if missing:
        raise PrivilegeError(
            f"{what}: {', '.join(missing)} missing; run as root: sudo xdplb {what}"
        )


def read_ssh_connection() -> tuple[str, int] | None:
    """Return address and port of the SSH server that we are logged in by, if we are.

    sudo takes SSH_CONNECTION out of the environment, but our ancestors still have it.
    """
    words = os.environ.get("SSH_CONNECTION", "").split()
    for pid in () if words else ancestors():
        words = read_variable(pid, b"SSH_CONNECTION").split()
        if words:
            break
    return (words[2], int(words[3])) if len(words) == 4 else None


def read_variable(pid: int, name: bytes) -> str:
    """Return a variable of another process; empty where it is not set or not ours to read."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            entries = file.read().split(b"\0")
    except (PermissionError, FileNotFoundError, ProcessLookupError):
        return ""
    return next((e.partition(b"=")[2].decode() for e in entries if e.startswith(name + b"=")), "")


def guard_ssh(services: Iterable[Service]) -> None:
    """Refuse services that would take the packets of the caller's own SSH session.

    :raises GuardError: if one of them would
    """
    session = read_ssh_connection()
    if session is None:
        return
    address, port = session
    for service in services:
        vip, service_port, protocol = service.key
        if protocol is Protocol.TCP and str(vip) == address and service_port in (ANY_PORT, port):
            raise GuardError(
                f"{service.key}: would take your SSH session to {address}:{port}; "
                "name the ports to balance with --port, another --vip, or use --force"
            )
