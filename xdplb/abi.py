# SPDX-License-Identifier: BSD-2-Clause
"""The model as the structs of bpf/abi.h, and back: the only place that knows byte order.

The codecs have the shape that :class:`xdplb.bpf.Map` takes: ``size``, ``pack``, ``unpack``.
A record that is not in use reads as ``None``.
"""

import sys
from enum import Enum
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
SERVICE_NAME_LONGEST: int = lib.NAME_LENGTH - 1
BACKEND_NAME_LONGEST: int = lib.BACKEND_NAME_LENGTH - 1


class ServiceRecord(NamedTuple):
    """A service as it is loaded; its *service* has no backends, they have records of their own."""

    service: Service
    first_slot: int
    slot_count: int
    backend_count: int
    nat_address: Address
    shares_host: bool = False


class BackendRecord(NamedTuple):
    """A backend as it is loaded; ``backend.mac`` is that in use, or ``None`` while unresolved."""

    backend: Backend
    service_id: int
    up: bool = True
    draining: bool = False
    static_mac: bool = False

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
    return V4_MAPPED + address.packed


def unpack_address(data: Any) -> Address:
    """Return the address in the 16 bytes of an ``__be32[4]``."""
    return Address(bytes(ffi.buffer(data))[12:])


def unpack_v4(word: int) -> Address:
    """Return the address in an ``__be32`` as it lies in memory."""
    return Address(word.to_bytes(4, sys.byteorder))


def swap_port(port: int) -> int:
    """Turn a port into, or out of, the number its two network-order bytes make in memory."""
    return int.from_bytes(port.to_bytes(2, "big"), sys.byteorder)


def protocol_of(number: int) -> Protocol:
    """Return the protocol that has this number in the IP header."""
    return next(member for member in Protocol if member.number == number)


def text_of(field: Any) -> str:
    """Return a ``char[]`` up to its NUL."""
    text: Any = ffi.string(field)
    return str(text.decode())


def fill_key(struct: Any, key: ServiceKey) -> None:
    """Write *key* into a ``struct service_key``."""
    ffi.buffer(struct.address)[:] = pack_address(key.vip)
    struct.port = swap_port(key.port)
    struct.protocol = key.protocol.number


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
            struct.hash_seed = service.hash_seed or 0
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
                struct.hash_seed,
            ),
            struct.first_slot,
            struct.slot_count,
            struct.backend_count,
            unpack_address(struct.nat_address),
            bool(struct.flags & lib.SERVICE_SHARES_HOST),
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
        )


def index_places(key: ServiceKey, places: int) -> tuple[int, int]:
    """Return the two places of ``service_index`` where *key* may stand.

    :param places: the size of the map, a power of two up to 65536
    """
    struct = new("service_key")
    fill_key(struct, key)
    words = [*memoryview(ffi.buffer(struct.address)).cast("B").cast("I")]
    words.append(struct.protocol << 16 | struct.port)
    mixed = multiplier = 0x9E3779B97F4A7C15
    for word in words:
        mixed = (mixed ^ word) * multiplier & 0xFFFF_FFFF_FFFF_FFFF
    return (mixed >> 48) & (places - 1), (mixed >> 32) & (places - 1)


def slot_word(backend_id: int) -> int:
    """Return a ``struct slot`` whose current and previous backend are alike, as 64 bits."""
    return backend_id << 32 | backend_id


SERVICE = ServiceCodec()
BACKEND = BackendCodec()
