# SPDX-License-Identifier: BSD-2-Clause
"""Per-CPU maps: a value under each key for every CPU that may ever come up, and their sums."""

from __future__ import annotations

from operator import add

from xdplb.bpf.codec import U32, Codec, unpack_many
from xdplb.bpf.errors import CodecError
from xdplb.bpf.host import possible_cpus
from xdplb.bpf.map import Map
from xdplb.bpf.maphandle import K, V, represents
from xdplb.bpf.maptype import MapType
from xdplb.bpf.typehints import TYPE_CHECKING, Any, Generic, cast

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from xdplb.bpf.codec import Buffer


class PerCpuCodec(Generic[V]):
    """All CPUs' values of one key, as a tuple.

    The kernel rounds each value up to 8 bytes and writes one for every *possible* CPU, also for
    those that are not online: a shorter buffer would be written past its end.
    """

    def __init__(self, each: Codec[V]) -> None:
        self.each = each
        self.cpus = possible_cpus()
        self.stride = (each.size + 7) // 8 * 8
        self.size = self.stride * self.cpus
        self._padding = bytes(self.stride - each.size)

    def pack(self, values: Iterable[V]) -> bytes:
        packed = [self.each.pack(value) + self._padding for value in values]
        if len(packed) != self.cpus:
            raise CodecError(f"{len(packed)} values for {self.cpus} CPUs")
        return b"".join(packed)

    def unpack(self, data: Buffer) -> tuple[V, ...]:
        size = self.each.size
        return tuple(
            self.each.unpack(data[at : at + size]) for at in range(0, self.size, self.stride)
        )

    def totals(self, data: Buffer) -> Iterator[V]:
        """Return an iterator over the sums over all CPUs, one for each key's values in *data*."""
        letter: str | None = getattr(self.each, "word", None)
        if letter is not None and self.stride == self.each.size:
            return self._column_totals(data, letter)
        size, stride = self.each.size, self.stride
        singles = (data[at : at + size] for at in range(0, len(data), stride))
        values = [self.each.unpack(single) for single in singles]
        groups = (values[at : at + self.cpus] for at in range(0, len(values), self.cpus))
        return (_sum_values(group) for group in groups)

    def _column_totals(self, data: Buffer, letter: str) -> Iterator[V]:
        """Sum values that are nothing but words of one size, a column at a time: far faster."""
        words = memoryview(data).cast("B").cast(cast("Any", letter)).tolist()
        width = len(words) * self.stride // len(data)
        step = width * self.cpus
        columns = []
        for first in range(width):
            column = words[first::step]
            for cpu in range(1, self.cpus):
                column = list(map(add, column, words[first + cpu * width :: step]))
            columns.append(column)
        return cast("Any", self.each).from_words(columns)  # type: ignore[no-any-return]


def _sum_values(values: list[V]) -> V:
    """Return the sum, field by field, of whole numbers or tuples of them.

    :raises CodecError: if there is anything else in them
    """
    first: Any = values[0]
    if isinstance(first, int):
        return cast("V", sum(cast("list[int]", values)))
    if not isinstance(first, tuple):
        raise CodecError(f"{first!r} is no number and cannot be summed over CPUs")
    fields = [_sum_values(list(field)) for field in zip(*cast("list[Any]", values), strict=True)]
    make = getattr(first, "_make", tuple)
    return cast("V", make(fields))


class PerCpuMap(Map[K, tuple[V, ...]]):
    """What per-CPU maps have in common: a value is a tuple with one part for each CPU."""

    __slots__ = ()

    def _whole_value(self, value: Codec[Any]) -> Codec[Any]:
        return PerCpuCodec(value)

    def total(self, key: K) -> V | None:
        """Return the sum over all CPUs under *key*, or None where there is none."""
        values = self.lookup(key)
        return None if values is None else _sum_values(list(values))

    def totals(self) -> dict[K, V]:
        """Return the sum over all CPUs for each key.

        :raises CodecError: if a value holds anything but whole numbers
        """
        whole = cast("PerCpuCodec[V]", self._value)
        sums: dict[K, V] = {}
        for keys, values in self.read_batches():
            sums.update(zip(unpack_many(self._key, keys), whole.totals(values), strict=True))
        return sums


@represents(MapType.PERCPU_ARRAY)
class PerCpuArrayMap(PerCpuMap[int, V]):
    """An array with a value for each CPU; every index is always there."""

    __slots__ = ()

    def _default_key(self) -> Codec[Any]:
        return U32

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.max_entries))

    def __len__(self) -> int:
        return self.max_entries


@represents(MapType.PERCPU_HASH, MapType.LRU_PERCPU_HASH)
class PerCpuHashMap(PerCpuMap[K, V]):
    """A hash table with a value for each CPU."""

    __slots__ = ()
