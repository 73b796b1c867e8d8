# SPDX-License-Identifier: BSD-2-Clause
"""Objects before they are loaded: the blueprint, with its constants and limits to be set."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

from xdplb._libbpf import ffi, lib
from xdplb.bpf import host
from xdplb.bpf.btf import Btf
from xdplb.bpf.calls import check, kernel_error, lacking_symbol, listen
from xdplb.bpf.errors import ClosedError, ObjectError, UnknownNameError
from xdplb.bpf.loaded import LoadedObject
from xdplb.bpf.loading import VERIFIER_LOG_LEVEL, check_reuse, load_error
from xdplb.bpf.opened import OpenedMap, OpenedProgram
from xdplb.bpf.typehints import TYPE_CHECKING, Any, TypeVar
from xdplb.bpf.variables import Variables
from xdplb.bpf.verifier import split_logs

if TYPE_CHECKING:
    from os import PathLike
    from types import TracebackType

    from xdplb.bpf.map import Map

N = TypeVar("N")


class BpfObject:
    """The door: BPF object files as the compiler writes them."""

    @staticmethod
    def open(source: str | PathLike[str] | bytes, *, name: str | None = None) -> OpenedObject:
        """Read an object file, or the bytes of one. Nothing goes to the kernel yet.

        :param name: the object's name; else the file's, up to its first dot
        :raises ObjectError: if it cannot be read or is no BPF object
        """
        pointer = ffi.new("struct bpf_object **")
        if isinstance(source, bytes):
            name = name or "object"
            subject, data = name, ffi.from_buffer(source)
            code, log = listen(
                lib.shim_object_open_memory, data, len(source), name.encode(), pointer
            )
        else:
            subject = os.fspath(source)
            name = name or os.path.basename(subject).partition(".")[0]
            path = os.fsencode(subject)
            code, log = listen(lib.shim_object_open_file, path, name.encode(), pointer)
        if code < 0:
            raise kernel_error(code, "open", subject, log, kind=ObjectError)
        return OpenedObject(pointer[0], name, source)


class OpenedObject:
    """An object that is not loaded: choose, then :meth:`load`. For one thread at a time.

    :ivar name: the object's name
    :ivar btf: its types
    :ivar maps: its maps by name; those of data sections as ``".rodata"``, ``".bss"``
    :ivar programs: its programs by name
    :ivar constants: its ``const volatile`` variables
    """

    def __init__(self, pointer: Any, name: str, source: object) -> None:
        self._pointer = pointer
        self._source = source  # libbpf may point into it
        self.name = name
        self.btf = Btf(_read_btf(pointer))
        self.maps: dict[str, OpenedMap] = {
            found.name: found
            for found in (OpenedMap(self, raw) for raw in _walk(lib.bpf_object__next_map, pointer))
        }
        self.programs: dict[str, OpenedProgram] = {
            found.name: found
            for found in (
                OpenedProgram(self, raw) for raw in _walk(lib.bpf_object__next_program, pointer)
            )
        }
        self.constants = Variables(self.subject, "constant", self.btf, self._sections(".rodata"))

    @property
    def subject(self) -> str:
        """What messages call it."""
        return f"object {self.name!r}"

    def check_open(self) -> Any:
        """Return libbpf's object.

        :raises ClosedError: once it is loaded or closed
        """
        if self._pointer is None:
            raise ClosedError(f"{self.subject}: is loaded or closed, and with that used up")
        return self._pointer

    def map(self, name: str) -> OpenedMap:
        """Return a map.

        :raises UnknownNameError: if there is none of that name
        """
        return self._find(self.maps, "map", name)

    def program(self, name: str) -> OpenedProgram:
        """Return a program.

        :raises UnknownNameError: if there is none of that name
        """
        return self._find(self.programs, "program", name)

    def _find(self, known: dict[str, N], what: str, name: str) -> N:
        self.check_open()
        try:
            return known[name]
        except KeyError:
            raise UnknownNameError(self.subject, what, name, known) from None

    def set_constant(self, name: str, value: Any) -> None:
        """Set a ``const volatile`` variable; the verifier will know its value.

        :param value: of an array or struct, a sequence; of a struct, a mapping will do too
        :raises UnknownNameError: if there is none of that name
        :raises CodecError: if the value does not fit the constant's type
        """
        self.check_open()
        self.constants.set(name, value)

    def _sections(self, prefix: str) -> dict[str, Any]:
        def memory(of: OpenedMap) -> Any:
            def view() -> memoryview:
                size = ffi.new("size_t *")
                start = lib.bpf_map__initial_value(of.pointer, size)
                return memoryview(ffi.buffer(ffi.cast("char *", start), size[0]))

            return view

        return {
            name: memory(found)
            for name, found in self.maps.items()
            if name == prefix or name.startswith(prefix + ".")
        }

    def prepare(self) -> None:
        """Make the maps, but load no program yet; :meth:`load` then goes on from there.

        :raises FeatureError: with libbpf before 1.5
        """
        if not host.has_symbol("bpf_object__prepare"):
            raise lacking_symbol("prepare", self.subject, "bpf_object__prepare", "1.5")
        check(lib.shim_object_prepare(self.check_open()), "prepare", self.subject)

    def load(
        self,
        *,
        reuse: Mapping[str, Map[Any, Any]] = {},
        verifier_log: bool = False,
    ) -> LoadedObject:
        """Give maps and programs to the kernel. Uses this object up, whether it works or not.

        :param reuse: maps that are there already, as pinned ones, to take the place of those that
            the object declares by these names
        :param verifier_log: keep the verifier's log of each program, also where it is content
        :raises MapMismatchError: if a map to reuse differs; the object can still be used then
        :raises VerifierError: if the verifier refuses a program
        :raises KernelError: if the kernel refuses anything else
        """
        pointer = self.check_open()
        for name, map_ in reuse.items():
            check_reuse(self.map(name), map_)
        try:
            self._set_reuse(reuse)
            if verifier_log:
                for program in self.programs.values():
                    lib.bpf_program__set_log_level(program.pointer, VERIFIER_LOG_LEVEL)
            code, said = listen(lib.bpf_object__load, pointer, debug=verifier_log)
            if code < 0:
                raise load_error(code, self, said)
        except BaseException:
            self.close()
            raise
        return LoadedObject(self._give_away(), self, split_logs(said) if verifier_log else {})

    def _set_reuse(self, reuse: Mapping[str, Map[Any, Any]]) -> None:
        for name, map_ in reuse.items():
            code = lib.bpf_map__reuse_fd(self.maps[name].pointer, map_.fileno())
            check(code, "reuse", f"{map_.subject} in {self.subject}")

    def _give_away(self) -> Any:
        pointer, self._pointer = self._pointer, None
        for map_ in self.maps.values():
            map_.release()
        return pointer

    def close(self) -> None:
        """Free it. What was loaded from it is not touched."""
        if self._pointer is not None:
            lib.bpf_object__close(self._give_away())

    def __enter__(self) -> OpenedObject:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __del__(self) -> None:
        # Only memory is lost with it, so no warning.
        if getattr(self, "_pointer", None) is not None:
            self.close()

    def __repr__(self) -> str:
        state = "open" if self._pointer is not None else "used up"
        return f"<OpenedObject {self.name!r}, {state}>"


def _walk(step: Any, pointer: Any) -> Iterator[Any]:
    at = step(pointer, ffi.NULL)
    while at != ffi.NULL:
        yield at
        at = step(pointer, at)


def _read_btf(pointer: Any) -> bytes:
    # Not from the file: there, offsets of variables are zero until libbpf has filled them in.
    btf = lib.bpf_object__btf(pointer)
    if btf == ffi.NULL:
        return b""
    size = ffi.new("uint32_t *")
    return bytes(ffi.buffer(ffi.cast("char *", lib.btf__raw_data(btf, size)), size[0]))
