# SPDX-License-Identifier: BSD-2-Clause
"""Everything that is loaded on this machine, by id. The kernel wants CAP_SYS_ADMIN for it."""

from __future__ import annotations

import os
from errno import ENOENT

from xdplb._libbpf import ffi, lib
from xdplb.bpf.calls import kernel_error
from xdplb.bpf.errors import KernelError, NotFoundError
from xdplb.bpf.handle import open_id
from xdplb.bpf.info import (
    LinkInfo,
    MapInfo,
    ProgramInfo,
    read_link_info,
    read_map_info,
    read_program_info,
)
from xdplb.bpf.typehints import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Info = TypeVar("Info")


def programs() -> Iterator[ProgramInfo]:
    """Return an iterator over all loaded programs.

    :raises MissingCapabilityError: without CAP_SYS_ADMIN
    """
    return _walk(lib.SHIM_PROGRAM, "program", read_program_info)


def maps() -> Iterator[MapInfo]:
    """Return an iterator over all maps.

    :raises MissingCapabilityError: without CAP_SYS_ADMIN
    """
    return _walk(lib.SHIM_MAP, "map", read_map_info)


def links() -> Iterator[LinkInfo]:
    """Return an iterator over all links.

    :raises MissingCapabilityError: without CAP_SYS_ADMIN
    """
    return _walk(lib.SHIM_LINK, "link", read_link_info)


def _walk(kind: int, word: str, read: Callable[[int], Info]) -> Iterator[Info]:
    number = ffi.new("uint32_t *")
    while True:
        code = lib.shim_next_id(kind, number[0], number)
        if code == -ENOENT:
            return
        if code < 0:
            raise kernel_error(code, "list", f"{word}s", by_id=True)
        try:
            fd = open_id(kind, number[0], word)
        except NotFoundError:
            continue  # it went away between the two calls
        try:
            info = read(fd)
        finally:
            os.close(fd)
        yield info


def program_name(number: int) -> str:
    """Return the name of the program with that id; empty if it cannot be asked or is gone."""
    try:
        fd = open_id(lib.SHIM_PROGRAM, number, "program")
    except KernelError:
        return ""
    try:
        return read_program_info(fd).name
    finally:
        os.close(fd)
