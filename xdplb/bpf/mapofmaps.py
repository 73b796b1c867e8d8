# SPDX-License-Identifier: BSD-2-Clause
"""Maps of maps."""

from __future__ import annotations

from errno import ENOENT

from xdplb._libbpf import ffi, lib
from xdplb.bpf.codec import U32, Codec, unpack_many
from xdplb.bpf.map import Map
from xdplb.bpf.maphandle import K, represents
from xdplb.bpf.maptype import MapType
from xdplb.bpf.typehints import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from xdplb.bpf.codec import Buffer


class InnerMapCodec:
    """An inner map is stored by its descriptor and comes back as its id: the kernel's way."""

    size = 4

    def pack(self, value: Map[Any, Any]) -> bytes:
        return U32.pack(value.fileno())

    def unpack(self, data: Buffer) -> Map[Any, Any]:
        return Map.from_id(U32.unpack(data))


@represents(MapType.ARRAY_OF_MAPS, MapType.HASH_OF_MAPS)
class MapOfMaps(Map[K, Map[Any, Any]]):
    """A map whose values are maps.

    Looking one up opens it by its id, which takes CAP_SYS_ADMIN; who has not got that keeps the
    inner maps' own handles. Inner maps must equal the template in type, sizes and flags, and in
    their number of entries unless they have ``BPF_F_INNER_MAP``.
    """

    __slots__ = ()

    def _default_key(self) -> Codec[Any]:
        return U32 if self.info.type == MapType.ARRAY_OF_MAPS else super()._default_key()

    def _default_value(self) -> Codec[Any]:
        return InnerMapCodec()

    def swap(self, inner: Mapping[K, Map[Any, Any]]) -> int:
        """Put all of *inner* in place with one system call and return how many.

        The kernel waits until no program uses the old ones (some milliseconds for the whole
        batch), and blocks this thread meanwhile.
        """
        return self.update_many(inner.items())

    def lookup_id(self, key: K) -> int | None:
        """Return the id of the map under *key*, or None; needs no capability of its own."""
        number = ffi.new("uint32_t *")
        code = lib.bpf_map_lookup_elem(self._fd, self._pack_key(key), number)
        if code == 0:
            return cast("int", number[0])
        if code != -ENOENT:
            raise self._failure(code, "look up in", key)
        return None

    def ids(self) -> dict[K, int]:
        """Return the id of the map under each key; slots without a map are left out."""
        found: dict[K, int] = {}
        for keys, values in self.read_batches():
            pairs: Iterator[tuple[K, int]] = zip(
                unpack_many(self._key, keys), U32.unpack_many(values), strict=True
            )
            found.update((key, number) for key, number in pairs if number)
        return found
