# SPDX-License-Identifier: BSD-2-Clause
"""Maps and programs of an object that is not loaded yet: what can still be chosen."""

from __future__ import annotations

import os

from xdplb._libbpf import ffi, lib
from xdplb.bpf.calls import check
from xdplb.bpf.maptype import MapType
from xdplb.bpf.typehints import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xdplb.bpf.btf import Btf
    from xdplb.bpf.map import Map
    from xdplb.bpf.object import OpenedObject


class OpenedMap:
    """A map as the object declares it; it belongs to its object, and ends when that is loaded."""

    def __init__(self, owner: OpenedObject, pointer: Any) -> None:
        self._owner = owner
        self.raw_pointer = pointer
        name = ffi.string(lib.bpf_map__name(pointer)).decode()
        # libbpf puts a piece of the object's name before ".rodata" and its like.
        self.name: str = (
            name[name.index(".") :] if lib.bpf_map__is_internal(pointer) and "." in name else name
        )
        self.key_type: int = lib.bpf_map__btf_key_type_id(pointer)
        self.value_type: int = lib.bpf_map__btf_value_type_id(pointer)
        self._template = -1

    @property
    def pointer(self) -> Any:
        """libbpf's map.

        :raises ClosedError: once the object is loaded or closed
        """
        self._owner.check_open()
        return self.raw_pointer

    @property
    def subject(self) -> str:
        """What messages call it."""
        return f"map {self.name!r} of {self._owner.subject}"

    @property
    def btf(self) -> Btf:
        """The types of its object."""
        return self._owner.btf

    @property
    def type(self) -> MapType | int:
        """A :class:`MapType`, or the plain number of one that is not listed there."""
        return MapType.of(lib.bpf_map__type(self.pointer))

    @property
    def key_size(self) -> int:
        """Bytes of a key."""
        return int(lib.bpf_map__key_size(self.pointer))

    @property
    def value_size(self) -> int:
        """Bytes of a value, on one CPU."""
        return int(lib.bpf_map__value_size(self.pointer))

    @property
    def max_entries(self) -> int:
        """How many keys it is to have room for; can be set."""
        return int(lib.bpf_map__max_entries(self.pointer))

    @max_entries.setter
    def max_entries(self, count: int) -> None:
        code = lib.bpf_map__set_max_entries(self.pointer, count)
        check(code, "set max_entries of", self.subject)

    @property
    def flags(self) -> int:
        """``BPF_F_*`` flags it is to be made with; can be set."""
        return int(lib.bpf_map__map_flags(self.pointer))

    @flags.setter
    def flags(self, flags: int) -> None:
        check(lib.bpf_map__set_map_flags(self.pointer, flags), "set flags of", self.subject)

    @property
    def extra(self) -> int:
        """``map_extra``, which some types have a use for."""
        return int(lib.bpf_map__map_extra(self.pointer))

    @property
    def autocreate(self) -> bool:
        """Whether loading makes it; can be set."""
        return bool(lib.bpf_map__autocreate(self.pointer))

    @autocreate.setter
    def autocreate(self, wanted: bool) -> None:
        check(lib.bpf_map__set_autocreate(self.pointer, wanted), "set autocreate of", self.subject)

    def set_inner(self, template: Map[Any, Any]) -> None:
        """Say what the inner maps of this map of maps are like; an unused map will do."""
        fd = os.dup(template.fileno())
        code = lib.bpf_map__set_inner_map_fd(self.pointer, fd)
        if code < 0:
            os.close(fd)
        check(code, "set the inner map of", self.subject)
        self._template = fd  # libbpf reads it when it loads, and leaves it to us

    def release(self) -> None:
        """Let go of the template; the object calls this when it is loaded or closed."""
        fd, self._template = self._template, -1
        if fd >= 0:
            os.close(fd)

    def __repr__(self) -> str:
        return f"<OpenedMap {self.name!r}>"


class OpenedProgram:
    """A program as the object has it; it belongs to its object, and ends when that is loaded."""

    def __init__(self, owner: OpenedObject, pointer: Any) -> None:
        self._owner = owner
        self.raw_pointer = pointer
        self.name: str = ffi.string(lib.bpf_program__name(pointer)).decode()
        self.section: str = ffi.string(lib.bpf_program__section_name(pointer)).decode()

    @property
    def pointer(self) -> Any:
        """libbpf's program.

        :raises ClosedError: once the object is loaded or closed
        """
        self._owner.check_open()
        return self.raw_pointer

    @property
    def autoload(self) -> bool:
        """Whether loading the object loads it; can be set."""
        return bool(lib.bpf_program__autoload(self.pointer))

    @autoload.setter
    def autoload(self, wanted: bool) -> None:
        subject = f"program {self.name!r} of {self._owner.subject}"
        check(lib.bpf_program__set_autoload(self.pointer, wanted), "set autoload of", subject)

    def __repr__(self) -> str:
        return f"<OpenedProgram {self.name!r}>"
