# SPDX-License-Identifier: BSD-2-Clause
"""Variables of an object, typed by its BTF: constants before it is loaded, globals afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from xdplb.bpf.errors import BpfError, UnknownNameError
from xdplb.bpf.typehints import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xdplb.bpf.btf import Btf, Variable


class Variables(Mapping[str, Any]):
    """The variables of some data sections, by name.

    :param where: what messages call the object
    :param sections: for each section's name, what gives its bytes
    """

    def __init__(
        self, where: str, what: str, btf: Btf, sections: dict[str, Callable[[], memoryview]]
    ) -> None:
        self._where = where
        self._what = what
        self._btf = btf
        self._sections = sections
        self._found: dict[str, tuple[str, Variable]] = {
            variable.name: (section, variable)
            for section in sections
            for variable in btf.variables(section)
        }

    def __getitem__(self, name: str) -> Any:
        _, variable = self._find(name)
        return self._btf.codec(variable.type).unpack(self.raw(name))

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def raw(self, name: str) -> memoryview:
        """Return the bytes of a variable; of a global, live ones.

        :raises UnknownNameError: if there is no such variable
        """
        section, variable = self._find(name)
        return self._sections[section]()[variable.offset : variable.offset + variable.size]

    def set(self, name: str, value: Any) -> None:
        """Write a variable.

        :param value: of an array or struct, a sequence; of a struct, a mapping will do too
        :raises UnknownNameError: if there is no such variable
        :raises CodecError: if the value does not fit the variable's type
        :raises BpfError: if it is a constant of a loaded object
        """
        _, variable = self._find(name)
        memory = self.raw(name)
        if memory.readonly:
            raise BpfError(f"{self._where}: {self._what} {name!r} is read-only once it is loaded")
        memory[:] = self._btf.codec(variable.type).pack(value)

    def _find(self, name: str) -> tuple[str, Variable]:
        try:
            return self._found[name]
        except KeyError:
            raise UnknownNameError(self._where, self._what, name, self._found) from None
