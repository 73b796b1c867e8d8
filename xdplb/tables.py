# SPDX-License-Identifier: BSD-2-Clause
"""The tables of slots: which backend each slot has, and had before. Pure.

A slot that moved keeps its previous backend until the drain time is over, so that flows which
nobody remembers stay where they are (docs/packet.md).
"""

from array import array
from collections.abc import Collection, Mapping, Sequence

from xdplb.abi import SLOT_MOVED, BackendRecord
from xdplb.maglev import hash_table, maglev_table
from xdplb.model import Scheduler, Service

LOWER = 0xFFFF_FFFF


def build_table(service: Service, backends: Mapping[int, BackendRecord], size: int) -> list[int]:
    """Return the backend id of every slot; empty if no backend may get new connections."""
    eligible = {number: r.backend for number, r in sorted(backends.items()) if r.is_eligible}
    if not eligible:
        return []
    ids, weights = list(eligible), [backend.weight for backend in eligible.values()]
    if service.scheduler is Scheduler.MAGLEV:
        identities = [backend.identity for backend in eligible.values()]
        table = maglev_table(identities, size, weights=weights)
    else:
        table = hash_table(len(ids), size, weights=weights)
    return [ids[owner] for owner in table]


def remembers_slots(service: Service) -> bool:
    """Tell whether slots need their previous backend: not where every flow is remembered."""
    return not service.mode.translates and service.scheduler in (
        Scheduler.MAGLEV,
        Scheduler.HASH,
    )


def settled(table: Sequence[int]) -> "array[int]":
    """Return slots, as 64-bit words, whose current and previous backend are alike."""
    return array("Q", (owner << 32 | owner for owner in table))


def moved(words: "array[int]", table: Sequence[int], alive: Collection[int]) -> "array[int]":
    """Return the slots *words* after *table* has become current.

    The previous backend is the oldest one that is still *alive*, also where the slot comes
    back to it: flows that were remembered in between go on being looked up.
    """
    pairs = zip(words, table, strict=True)
    return array("Q", (move_slot(word, owner, alive) for word, owner in pairs))


def move_slot(word: int, owner: int, alive: Collection[int]) -> int:
    """Return one slot after *owner* has become its current backend."""
    current, previous = word & LOWER, word >> 32
    oldest = previous & ~SLOT_MOVED if previous & SLOT_MOVED else current
    if oldest not in alive:
        oldest = current if current in alive else owner
    if owner == oldest and not previous & SLOT_MOVED:
        return owner << 32 | owner
    return (oldest | SLOT_MOVED) << 32 | owner


def settle(words: "array[int]") -> "array[int]":
    """Return the slots with what they had before forgotten: the drain time is over."""
    return settled([word & LOWER for word in words])


def has_moved(words: "array[int]") -> bool:
    """Tell whether any slot still has another backend to ask for."""
    return any(word >> 32 & SLOT_MOVED for word in words)
