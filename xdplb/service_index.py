# SPDX-License-Identifier: BSD-2-Clause
"""Where a service stands in ``service_index``: cuckoo hashing, pure.

Pagh and Rodler, "Cuckoo Hashing", J. Algorithms 51 (2004). Each service has two places; who
comes to a full one moves another to its second. The program looks at two places, always.
"""

from collections import deque
from collections.abc import Mapping, Sequence

Places = tuple[int, int]


def plan_entry(
    taken: Mapping[int, int], places: Mapping[int, Places], newcomer: Places
) -> Sequence[tuple[int, int | None]] | None:
    """Return what to write where, in order, so that the last write makes room and is the newcomer.

    Every service can be found at every moment: it stands at its new place before its old one is
    overwritten.

    :param taken: place → service id
    :param places: service id → the two places it may stand at
    :returns: pairs of place and service id, ``None`` for the newcomer; ``None`` if there is
        no way to make room
    """
    came_from: dict[int, int | None] = dict.fromkeys(newcomer)
    waiting = deque(came_from)
    while waiting:
        place = waiting.popleft()
        if place not in taken:
            return trace_back(taken, came_from, place)
        for other in places[taken[place]]:
            if other not in came_from:
                came_from[other] = place
                waiting.append(other)
    return None


def trace_back(
    taken: Mapping[int, int], came_from: Mapping[int, int | None], free: int
) -> list[tuple[int, int | None]]:
    """Return the writes of the chain of moves that ends at *free*, last move first."""
    writes: list[tuple[int, int | None]] = []
    place: int | None = free
    while place is not None:
        source = came_from[place]
        writes.append((place, None if source is None else taken[source]))
        place = source
    return writes


def places_for(entries: int) -> int:
    """Return the size of the index: a power of two, four places an entry or more if there may be.

    The program takes 16 bits of a hash for a place, so that 65536 are the most.
    """
    return min(1 << (4 * entries - 1).bit_length(), 65536)
