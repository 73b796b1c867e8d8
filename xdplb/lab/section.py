# SPDX-License-Identifier: BSD-2-Clause
"""Reading a YAML mapping key by key, so that all its faults are found and each has its path."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from typing import TypeVar

import yaml

T = TypeVar("T")


class Section:
    """A mapping of the document, read key by key; what no one asked for is a fault.

    A reader function takes the YAML value and raises :class:`ValueError` with the reason; the
    reason is noted under the value's path and reading goes on.
    """

    def __init__(self, value: object, path: str, faults: list[str]) -> None:
        self.path = path
        self.faults = faults
        self._asked: list[str] = []
        self._values: dict[str, object] = {}
        if not isinstance(value, dict):
            self.fault("", f"{_shown(value)} is not a mapping")
            return
        for key, one in value.items():
            if isinstance(key, str):
                self._values[key] = one
            else:
                self.fault("", f"{key!r} is not a name; put it in quotes")

    def fault(self, key: str, reason: str) -> None:
        """Note *reason* under *key* of this section (under the section itself for ``""``)."""
        path = ".".join(part for part in (self.path, key) if part)
        self.faults.append(f"{path}: {reason}" if path else reason)

    def take(self, key: str, read: Callable[[object], T], default: T) -> T:
        """Return what stands under *key*, or *default* where it is left out or faulty."""
        self._asked.append(key)
        if key not in self._values:
            return default
        return self._read(key, read, self._values[key], default)

    def need(self, key: str, read: Callable[[object], T], stand_in: T) -> T:
        """Return what stands under *key*; leaving it out is a fault, answered with *stand_in*."""
        if key not in self._values:
            self.fault(key, "is missing")
        return self.take(key, read, stand_in)

    def take_list(self, key: str, read: Callable[[object], T]) -> tuple[T, ...]:
        """Return the readable members of the list under *key*, none where it is left out."""
        members: list[T] = []
        values: list[object] = self.take(key, _as_list, [])
        for number, value in enumerate(values):
            try:
                members.append(read(value))
            except ValueError as reason:
                self.fault(f"{key}[{number}]", str(reason))
        return tuple(members)

    def sections(self, key: str) -> Iterator[tuple[str, Section]]:
        """Yield the named sections of the mapping under *key*."""
        self._asked.append(key)
        if key not in self._values:
            return
        path = f"{self.path}.{key}" if self.path else key
        group = Section(self._values[key], path, self.faults)
        for name, value in group._values.items():
            yield name, Section({} if value is None else value, f"{path}.{name}", self.faults)

    def close(self) -> None:
        """Note every key that nobody asked for, with the one that was probably meant."""
        for key in self._values.keys() - set(self._asked):
            near = difflib.get_close_matches(key, self._asked, n=1)
            self.fault(key, "no such setting" + (f"; did you mean {near[0]}?" if near else ""))

    def _read(self, key: str, read: Callable[[object], T], value: object, default: T) -> T:
        try:
            return read(value)
        except ValueError as reason:
            self.fault(key, str(reason))
            return default


class UniqueKeyLoader(yaml.SafeLoader):
    """A safe loader that refuses a key that stands twice: YAML forbids it, PyYAML lets it pass."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[object, object]:
        """Build the mapping of *node*.

        :raises yaml.YAMLError: if a key stands twice
        """
        seen: set[object] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, str | int) and key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"{key} stands twice", key_node.start_mark
                )
            if isinstance(key, str | int):
                seen.add(key)
        return super().construct_mapping(node, deep)


def _as_list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise ValueError(f"{_shown(value)} is not a list")
    return value


def _shown(value: object) -> str:
    return "nothing" if value is None else repr(value)
