# SPDX-License-Identifier: BSD-2-Clause
"""The model as the structs of bpf/abi.h, and back: the only place that knows byte order.

The codecs have the shape that :class:`xdplb.bpf.Map` takes: ``size``, ``pack``, ``unpack``.
A record that is not in use reads as ``None``.
"""

import sys
from enum import Enum
from ipaddress import IPv4Address, IPv6Address
from typing import Any, NamedTuple, TypeVar

from xdplb._abi import ffi, lib
from xdplb.model import (
    Address,
    Backend,
    HashOn,
    Mode,
    Protocol,
    Scheduler,
    Service,
    ServiceKey,
    State,
)

E = TypeVar("E", bound=Enum)
View = bytes | bytearray | memoryview

V4_MAPPED = b"\0" * 10 + b"\xff\xff"
NO_MAC = b"\0" * 6
WORD = 0xFFFF_FFFF_FFFF_FFFF
MIX_1, MIX_2 = 0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F  # those of bpf/flow.h
SERVICE_NAME_LONGEST: int = lib.NAME_LENGTH - 1
SLOT_MOVED: int = lib.SLOT_MOVED
INDEX_BACKEND: int = lib.INDEX_BACKEND
BACKEND_NAME_LONGEST: int = lib.BACKEND_NAME_LENGTH - 1


class ServiceRecord(NamedTuple):
    """A service as it is loaded; its *service* has no backends, they have records of their own."""

    service: Service
    first_slot: int
    slot_count: int
    backend_count: int
    nat_address: Address
    shares_host: bool = False
    moved_s: int = 0


class BackendRecord(NamedTuple):
    """A backend as it is loaded; ``backend.mac`` is that in use, or ``None`` while unresolved."""

    backend: Backend
    service_id: int
    up: bool = True
    draining: bool = False
    static_mac: bool = False
    generation: int = 0

    @property
    def state(self) -> State:
        """What it may be given, and why not."""
        if not self.up:
            return State.DOWN
        if self.backend.mac is None:
            return State.UNRESOLVED
        return State.DRAIN if self.draining else State.UP

    @property
    def is_eligible(self) -> bool:
        """Whether it may be given new connections."""
        return self.up and not self.draining and self.backend.weight > 0


def new(struct: str) -> Any:
    """Return a new C struct, all zero."""
    return ffi.new(f"struct {struct} *")


def view(struct: str, data: View) -> Any:
    """Return the bytes of *data* as a C struct, not copied."""
    return ffi.from_buffer(f"struct {struct} *", data)


def number_of(group: str, member: Enum) -> int:
    """Return the number that bpf/abi.h gives to a word of the model."""
    return int(getattr(lib, f"{group}_{member.name}"))


def member_of(group: str, kind: type[E], number: int) -> E:
    """Return the word of the model that bpf/abi.h gives *number*."""
    return next(member for member in kind if number_of(group, member) == number)


def pack_address(address: Address) -> bytes:
    """Return 16 bytes in network order, IPv4 as ::ffff:a.b.c.d."""
    return address.packed if address.version == 6 else V4_MAPPED + address.packed


def unpack_address(data: Any) -> Address:
    """Return the address in the 16 bytes of an ``__be32[4]``."""
    packed = bytes(ffi.buffer(data))
    return IPv4Address(packed[12:]) if packed.startswith(V4_MAPPED) else IPv6Address(packed)


def swap_port(port: int) -> int:
    """Turn a port into, or out of, the number its two network-order bytes make in memory."""
    return int.from_bytes(port.to_bytes(2, "big"), sys.byteorder)


def protocol_of(number: int) -> Protocol:
    """Return the protocol that has this number in the IP header of either family."""
    return next(p for p in Protocol if number in (p.number(4), p.number(6)))


def text_of(field: Any) -> str:
    """Return a ``char[]`` up to its NUL."""
    text: Any = ffi.string(field)
    return str(text.decode())


def fill_key(struct: Any, key: ServiceKey) -> None:
    """Write *key* into a ``struct service_key``."""
    ffi.buffer(struct.address)[:] = pack_address(key.vip)
    struct.port = swap_port(key.port)
    struct.protocol = key.protocol_number


def read_key(struct: Any) -> ServiceKey:
    """Read a ``struct service_key``."""
    return ServiceKey(
        unpack_address(struct.address), swap_port(struct.port), protocol_of(struct.protocol)
    )


class ServiceCodec:
    """``struct service``."""

    size: int = ffi.sizeof("struct service")

    def pack(self, record: ServiceRecord | None) -> bytes:
        struct = new("service")
        if record is not None:
            service = record.service
            fill_key(struct.key, service.key)
            struct.flags = lib.SERVICE_PRESENT | lib.SERVICE_SHARES_HOST * record.shares_host
            struct.first_slot, struct.slot_count = record.first_slot, record.slot_count
            struct.moved_s = record.moved_s
            struct.mode = number_of("MODE", service.mode)
            struct.scheduler = number_of("SCHEDULER", service.scheduler)
            struct.hash_on = number_of("HASH_ON", service.hash_on)
            struct.backend_count = record.backend_count
            ffi.buffer(struct.nat_address)[:] = pack_address(record.nat_address)
            struct.name = service.name.encode()
        return bytes(ffi.buffer(struct))

    def unpack(self, data: View) -> ServiceRecord | None:
        struct = view("service", data)
        if not struct.flags & lib.SERVICE_PRESENT:
            return None
        return ServiceRecord(
            Service(
                read_key(struct.key),
                (),
                text_of(struct.name),
                member_of("MODE", Mode, struct.mode),
                member_of("SCHEDULER", Scheduler, struct.scheduler),
                member_of("HASH_ON", HashOn, struct.hash_on),
            ),
            struct.first_slot,
            struct.slot_count,
            struct.backend_count,
            unpack_address(struct.nat_address),
            bool(struct.flags & lib.SERVICE_SHARES_HOST),
            struct.moved_s,
        )


class BackendCodec:
    """``struct backend``."""

    size: int = ffi.sizeof("struct backend")

    def pack(self, record: BackendRecord | None) -> bytes:
        struct = new("backend")
        if record is not None:
            backend = record.backend
            ffi.buffer(struct.address)[:] = pack_address(backend.address)
            struct.mac = list(backend.mac or NO_MAC)
            struct.port = swap_port(backend.port)
            struct.flags = (
                lib.BACKEND_PRESENT
                | lib.BACKEND_UP * record.up
                | lib.BACKEND_DRAINING * record.draining
                | lib.BACKEND_STATIC_MAC * record.static_mac
            )
            struct.weight, struct.service_id = backend.weight, record.service_id
            struct.generation = record.generation
            struct.name = backend.name.encode()
        return bytes(ffi.buffer(struct))

    def unpack(self, data: View) -> BackendRecord | None:
        struct = view("backend", data)
        if not struct.flags & lib.BACKEND_PRESENT:
            return None
        mac = bytes(struct.mac)
        return BackendRecord(
            Backend(
                unpack_address(struct.address),
                swap_port(struct.port),
                struct.weight,
                text_of(struct.name),
                mac if any(mac) else None,
            ),
            struct.service_id,
            bool(struct.flags & lib.BACKEND_UP),
            bool(struct.flags & lib.BACKEND_DRAINING),
            bool(struct.flags & lib.BACKEND_STATIC_MAC),
            struct.generation,
        )


def hash_address(address: Address) -> int:
    """Return the hash of an address that ``hash_address()`` of bpf/service.h gives it."""
    upper, lower = memoryview(pack_address(address)).cast("Q")
    mixed = ((upper ^ MIX_1) * MIX_2 + (lower ^ MIX_2) * MIX_1) & WORD
    return mixed ^ mixed >> 32


def filter_bit(address: Address) -> tuple[int, int]:
    """Return the word and the bit of ``vip_filter`` that stand for *address*."""
    mixed = hash_address(address)
    return mixed >> 58, mixed >> 52 & 63


def index_places(key: ServiceKey, places: int) -> tuple[int, int]:
    """Return the two places of ``service_index`` where *key* may stand.

    :param places: the size of the map, a power of two up to 65536
    """
    words = key.protocol_number << 16 | swap_port(key.port)
    mixed = (hash_address(key.vip) ^ words) * MIX_1 & WORD
    return (mixed >> 48) & (places - 1), (mixed >> 32) & (places - 1)


SERVICE = ServiceCodec()
BACKEND = BackendCodec()
