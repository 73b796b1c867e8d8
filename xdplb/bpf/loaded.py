# SPDX-License-Identifier: BSD-2-Clause
"""Objects in the kernel: their maps, programs and live variables."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Mapping

from xdplb._libbpf import lib
from xdplb.bpf.arraymap import map_memory
from xdplb.bpf.errors import ClosedError, CodecError, UnknownNameError
from xdplb.bpf.map import Map
from xdplb.bpf.mapofmaps import MapOfMaps
from xdplb.bpf.program import Program
from xdplb.bpf.typehints import TYPE_CHECKING, Any, TypeVar
from xdplb.bpf.variables import Variables

if TYPE_CHECKING:
    from types import TracebackType

    from xdplb.bpf.codec import Codec
    from xdplb.bpf.object import OpenedObject

T = TypeVar("T")


class ByName(Mapping[str, T]):
    """Things by name, made when they are asked for."""

    def __init__(self, names: list[str], make: Callable[[str], T]) -> None:
        self._names = names
        self._make = make

    def __getitem__(self, name: str) -> T:
        return self._make(name)

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


class LoadedObject:
    """An object in the kernel. Closing it drops its own hold on maps and programs; what is pinned,
    attached, or held by a handle of its own lives on.

    :ivar name: the object's name
    :ivar btf: its types
    :ivar maps: its maps by name, a new handle each time
    :ivar programs: its programs by name, a new handle each time
    :ivar globals: its ``.data`` and ``.bss`` variables, live; ``globals.set`` writes
    :ivar constants: its ``const volatile`` variables, read-only
    :ivar verifier_log: each program's log, if :meth:`OpenedObject.load` was asked to keep them
    """

    def __init__(self, pointer: Any, opened: OpenedObject, logs: dict[str, str]) -> None:
        self._pointer = pointer
        self._opened = opened
        self._memory: dict[str, memoryview] = {}
        self.name = opened.name
        self.btf = opened.btf
        self.verifier_log = logs
        self._map_fds = {
            # From 1.4 on, libbpf gives maps that it did not make a descriptor too, of nothing.
            name: lib.bpf_map__fd(found.raw_pointer)
            for name, found in opened.maps.items()
            if lib.bpf_map__autocreate(found.raw_pointer)
        }
        self._program_fds = {
            name: lib.bpf_program__fd(found.raw_pointer) for name, found in opened.programs.items()
        }
        self.maps = ByName([name for name, fd in self._map_fds.items() if fd >= 0], self.map)
        self.programs = ByName(
            [name for name, fd in self._program_fds.items() if fd >= 0], self.program
        )
        self.globals = Variables(self.subject, "global", self.btf, self._sections("data", "bss"))
        self.constants = Variables(self.subject, "constant", self.btf, self._sections("rodata"))

    @property
    def subject(self) -> str:
        """What messages call it."""
        return f"object {self.name!r}"

    def map(self, name: str) -> Map[Any, Any]:
        """Return a new handle of a map, with codecs out of the object's BTF.

        Structs without a codec (bit fields) come as bytes. The handle outlives this object.

        :raises UnknownNameError: if the object has none of that name, or did not make it
        """
        fd = self._find(self._map_fds, "map", name)
        declared = self._opened.maps[name]
        made: Map[Any, Any] = Map.from_fd(os.dup(fd), quiet=True)
        key = self._codec(declared.key_type, made.key_size)
        value = self._codec(declared.value_type, made.value_size)
        if isinstance(made, MapOfMaps):
            value = None
        if key is not None or value is not None:
            made.typed(key or made.key_codec, value or made.each)
        return made

    def _codec(self, number: int, size: int) -> Codec[Any] | None:
        if not number or not size:
            return None
        try:
            codec = self.btf.codec(number)
        except CodecError:
            return None
        return codec if codec.size == size else None

    def program(self, name: str) -> Program:
        """Return a new handle of a program; it outlives this object.

        :raises UnknownNameError: if the object has none of that name, or did not load it
        """
        return Program(os.dup(self._find(self._program_fds, "program", name)), quiet=True)

    def _find(self, known: dict[str, int], what: str, name: str) -> int:
        if self._pointer is None:
            raise ClosedError(f"{self.subject}: is closed")
        fd = known.get(name, -1)
        if fd < 0:
            there = [other for other, fd in known.items() if fd >= 0]
            raise UnknownNameError(self.subject, what, name, there)
        return fd

    def get_global(self, name: str) -> Any:
        """Return the present value of a ``.data`` or ``.bss`` variable.

        :raises UnknownNameError: if there is none of that name
        """
        return self.globals[name]

    def set_global(self, name: str, value: Any) -> None:
        """Write a ``.data`` or ``.bss`` variable; running programs see it at once.

        :raises UnknownNameError: if there is none of that name
        :raises CodecError: if the value does not fit its type
        """
        self.globals.set(name, value)

    def _sections(self, *prefixes: str) -> dict[str, Callable[[], memoryview]]:
        return {
            name: lambda name=name: self._map_section(name)  # type: ignore[misc]
            for name in self.maps
            if name.startswith(".") and name.split(".")[1] in prefixes
        }

    def _map_section(self, name: str) -> memoryview:
        # libbpf before 1.5 gives out a private copy after loading, so the map is mapped here.
        if name not in self._memory:
            with self.map(name) as section:
                writable = not name.startswith(".rodata")
                memory = map_memory(section, section.value_size, write=writable)
            self._memory[name] = memoryview(memory)
        return self._memory[name]

    def close(self) -> None:
        """Drop this hold. Handles, pins and links that came out of it live on."""
        pointer, self._pointer = self._pointer, None
        if pointer is None:
            return
        memory, self._memory = self._memory, {}
        for view in memory.values():
            view.release()
        lib.bpf_object__close(pointer)

    def __enter__(self) -> LoadedObject:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_pointer", None) is not None:
            warnings.warn(f"{self!r} was never closed", ResourceWarning, stacklevel=1, source=self)
            self.close()

    def __repr__(self) -> str:
        state = "loaded" if self._pointer is not None else "closed"
        return f"<LoadedObject {self.name!r}, {state}>"
