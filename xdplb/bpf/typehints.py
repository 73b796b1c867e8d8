# SPDX-License-Identifier: BSD-2-Clause
"""The names of ``typing`` that this package needs when it runs, without importing ``typing``.

That module takes longer to import than this whole package. Type checkers see the real names;
at run time there are stand-ins that do as much as is needed: nothing, or a named tuple.
"""

from collections import namedtuple

__all__ = [
    "TYPE_CHECKING",
    "Any",
    "Generic",
    "NamedTuple",
    "Protocol",
    "TypeVar",
    "cast",
    "overload",
]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Generic, NamedTuple, Protocol, cast, overload

    # Its default lets a map without codecs be a map of anything.
    from typing_extensions import TypeVar
else:

    class _Subscripted:
        """A base class that takes type parameters and forgets them."""

        __slots__ = ()

        def __class_getitem__(cls, parameters):
            return cls

    class Any:
        """Stands in annotations only."""

    class Generic(_Subscripted):
        """Base of generic classes."""

        __slots__ = ()

    class Protocol(_Subscripted):
        """Base of protocols."""

        __slots__ = ()

    def TypeVar(name, **_):  # noqa: N802
        return name

    def cast(_, value):
        return value

    def overload(function):
        return function

    class _TupleMaker(type):
        def __new__(cls, name, bases, space):
            if not bases:
                return super().__new__(cls, name, bases, space)
            fields = space["__annotations__"]
            defaults = [space.pop(field) for field in fields if field in space]
            plain = namedtuple(name, fields, defaults=defaults)
            return type(name, (plain,), {**space, "__slots__": ()})

    class NamedTuple(metaclass=_TupleMaker):
        """Base of classes whose annotations become a named tuple's fields."""
