# SPDX-License-Identifier: BSD-2-Clause
"""Where maps come from, and the codecs they wear."""

from __future__ import annotations

import os

from xdplb._libbpf import lib
from xdplb.bpf.calls import check
from xdplb.bpf.codec import Raw
from xdplb.bpf.errors import CodecError
from xdplb.bpf.handle import Handle, open_id, open_pin
from xdplb.bpf.info import MapInfo, read_map_info
from xdplb.bpf.maptype import MapType
from xdplb.bpf.typehints import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from os import PathLike
    from typing import Self

    from xdplb.bpf.codec import Codec

K = TypeVar("K", default=Any)
V = TypeVar("V", default=Any)
C = TypeVar("C", bound="type[MapHandle[Any, Any]]")

_CLASSES: dict[int, type[MapHandle[Any, Any]]] = {}


def represents(*types: int) -> Callable[[C], C]:
    """Return a decorator: the class stands for maps of these types; of all others without one."""

    def register(cls: C) -> C:
        _CLASSES.update(dict.fromkeys(types or (_ANY_TYPE,), cls))
        return cls

    return register


_ANY_TYPE = -1


class MapHandle(Handle, Generic[K, V]):
    """A handle of a map, and the codecs for what stands in it.

    Sizes come from the kernel, never from the caller: a value buffer that is too short would let
    the kernel write over memory of ours. Without codecs, keys and values are bytes.
    """

    __slots__ = (
        "_each",
        "_key",
        "_pack_key",
        "_pack_value",
        "_spare",
        "_unpack_value",
        "_value",
        "info",
        "key_size",
        "value_bytes",
    )

    kind = "map"

    def __init__(
        self,
        fd: int,
        key: Codec[K] | None = None,
        value: Codec[V] | Codec[Any] | None = None,
        *,
        info: MapInfo | None = None,
        quiet: bool = False,
    ) -> None:
        self._fd = -1  # until all is well: a refused codec must not leave a handle to collect
        self.info = info or read_map_info(fd)
        self.key_size = self.info.key_size
        self._set_codecs(
            self._default_key() if key is None else key,
            self._default_value() if value is None else value,
        )
        super().__init__(fd, quiet=quiet)

    # --- where maps come from -----------------------------------------------------------------

    @classmethod
    def from_pin(
        cls,
        path: str | PathLike[str],
        *,
        key: Codec[K] | None = None,
        value: Codec[V] | Codec[Any] | None = None,
    ) -> Self:
        """Open the map pinned at *path*; the class of the result fits its type.

        :raises NotFoundError: if nothing is pinned there
        :raises CodecError: if it is no map of this class, or a codec has the wrong size
        """
        return cls._adopt(open_pin(path, cls.kind), key, value)

    @classmethod
    def from_id(
        cls,
        number: int,
        *,
        key: Codec[K] | None = None,
        value: Codec[V] | Codec[Any] | None = None,
    ) -> Self:
        """Open the map with the id *number*; needs CAP_SYS_ADMIN.

        :raises NotFoundError: if there is none
        """
        return cls._adopt(open_id(lib.SHIM_MAP, number, cls.kind), key, value)

    @classmethod
    def from_fd(
        cls,
        fd: int,
        *,
        key: Codec[K] | None = None,
        value: Codec[V] | Codec[Any] | None = None,
        quiet: bool = False,
    ) -> Self:
        """Return the map behind *fd*, which becomes the map's own to close."""
        return cls._adopt(fd, key, value, quiet=quiet)

    @classmethod
    def create(
        cls,
        type: int,
        key: Codec[K] | int,
        value: Codec[V] | Codec[Any] | int,
        max_entries: int,
        *,
        name: str = "",
        flags: int = 0,
        inner: MapHandle[Any, Any] | None = None,
    ) -> Self:
        """Make a map that lives as long as a handle, a pin or a program holds it.

        :param key: a codec, or a size in bytes for keys that are bytes; likewise *value*
        :param name: at most 15 characters
        :param inner: the template of a map of maps: inner maps must have its type, sizes and flags
        :raises KernelError: if the kernel refuses
        """
        key_codec = Raw(key) if isinstance(key, int) else key
        value_codec = Raw(value) if isinstance(value, int) else value
        template = -1 if inner is None else inner.fileno()
        sizes = key_codec.size, value_codec.size
        code = lib.shim_map_create(type, name.encode(), *sizes, max_entries, flags, template)
        check(code, "create", f"map {name!r}")
        return cls._adopt(code, key_codec, None if inner else value_codec)

    @classmethod
    def _adopt(
        cls,
        fd: int,
        key: Codec[Any] | None,
        value: Codec[Any] | None,
        *,
        quiet: bool = False,
    ) -> Self:
        try:
            info = read_map_info(fd)
            made = _CLASSES.get(info.type, _CLASSES[_ANY_TYPE])
            if not issubclass(made, cls):
                raise CodecError(
                    f"map {info.name!r}: is of type {MapType.name_of(info.type)}, "
                    f"which makes a {made.__name__} and no {cls.__name__}"
                )
            return made(fd, key, value, info=info, quiet=quiet)
        except BaseException:
            os.close(fd)
            raise

    # --- codecs -------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The map's name, cut to 15 characters by the kernel."""
        return self.info.name

    @property
    def id(self) -> int:
        """The kernel's number for it."""
        return self.info.id

    @property
    def type(self) -> int:
        """A :class:`MapType`, or the plain number of one that is not listed there."""
        return MapType.of(self.info.type)

    @property
    def value_size(self) -> int:
        """Bytes of one value, on one CPU."""
        return self.info.value_size

    @property
    def max_entries(self) -> int:
        """How many keys it has room for; of a ring buffer, its bytes."""
        return self.info.max_entries

    @property
    def key_codec(self) -> Codec[K]:
        """The codec of a key."""
        return self._key

    @property
    def each(self) -> Codec[Any]:
        """The codec of one value, on one CPU."""
        return self._each

    @property
    def flags(self) -> int:
        """``BPF_F_*`` flags it was made with."""
        return self.info.flags

    @property
    def subject(self) -> str:
        return f"map {self.info.name!r}"

    def _default_key(self) -> Codec[Any]:
        return Raw(self.info.key_size)

    def _default_value(self) -> Codec[Any]:
        return Raw(self.info.value_size)

    def _set_codecs(self, key: Codec[K], value: Codec[V]) -> None:
        for what, codec, size in (
            ("key", key, self.info.key_size),
            ("value", value, self.info.value_size),
        ):
            if codec.size != size:
                raise CodecError(
                    f"{self.subject}: the {what} codec {codec!r} makes {codec.size} bytes, "
                    f"the map's {what}s have {size}"
                )
        self._key = key
        self._each = value
        self._value = self._whole_value(value)
        self.value_bytes = self._value.size
        self._pack_key = key.pack
        self._pack_value = self._value.pack
        self._unpack_value = self._value.unpack
        self._spare: list[tuple[bytearray, Any]] = []

    def _whole_value(self, value: Codec[V]) -> Codec[V]:
        """Return the codec for all that a lookup brings; per-CPU maps bring several values."""
        return value
