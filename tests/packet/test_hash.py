# SPDX-License-Identifier: BSD-2-Clause
"""The flow hash, held against the xxhash package."""

import struct
import subprocess
from collections import Counter
from ipaddress import IPv4Address
from pathlib import Path

import pytest
import xxhash
from packet.balancer import Balancer, client_tcp
from scapy.layers.inet import IP, TCP

from xdplb.bpf import BpfObject
from xdplb.model import HashOn, Scheduler

HERE = Path(__file__).parent
KERNEL_TYPES = HERE.parent.parent / "bpf"
LONGEST = 40
DATA = bytes(7 * i & 0xFF for i in range(LONGEST))


@pytest.fixture(scope="module")
def hash_object(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("hash") / "hash.bpf.o"
    flags = ["-target", "bpf", "-mcpu=v3", "-O2", "-g", "-Wall", "-Werror"]
    source = str(HERE / "hash.bpf.c")
    command = ["clang", *flags, f"-I{KERNEL_TYPES}", "-c", source, "-o", str(output)]
    subprocess.run(command, check=True)
    return output


@pytest.mark.parametrize("seed", [0, 1, 0x9E3779B1, 0xFFFFFFFF])
def test_hash_equals_the_xxhash_package_bit_for_bit(hash_object: Path, seed: int) -> None:
    """Every length from 0 to 40: no stripe, one and two, with words and bytes left over."""
    with BpfObject.open(hash_object) as opened:
        opened.set_constant("seed", seed)
        with opened.load() as loaded, loaded.program("hash_prefixes") as program:
            out = program.test_run(DATA + bytes(4 * (LONGEST + 1))).packet
    hashes = struct.unpack(f"<{LONGEST + 1}I", bytes(out)[LONGEST:])
    assert hashes == tuple(xxhash.xxh32_intdigest(DATA[:n], seed) for n in range(LONGEST + 1))


def slot_of(words: bytes, seed: int, table_size: int) -> int:
    return xxhash.xxh32_intdigest(words, seed) * table_size >> 32


WORDS = {
    HashOn.FLOW: lambda source, sport, dport: source + sport + dport,
    HashOn.SOURCE_ADDRESS: lambda source, sport, dport: source + bytes(4),
    HashOn.SOURCE_PORT: lambda source, sport, dport: bytes(4) + sport + bytes(2),
    HashOn.DESTINATION_PORT: lambda source, sport, dport: bytes(6) + dport,
}


@pytest.mark.parametrize("hash_on", HashOn)
def test_backend_is_the_one_of_the_slot_the_hash_leads_to(
    empty_lb: Balancer, hash_on: HashOn
) -> None:
    """Scheduler hash: slot i belongs to backend i modulo their number, in configured order."""
    backends = [f"10.0.2.{i}" for i in range(7)]
    empty_lb.add_service(backends, port=0, scheduler=Scheduler.HASH, hash_on=hash_on, seed=0xABCDEF)
    for number in range(200):
        source, sport, dport = f"10.9.{number}.1", 1024 + 77 * number, 1 + 13 * number
        out = empty_lb.run(client_tcp(source=source, sport=sport, dport=dport))
        words = WORDS[hash_on](
            IPv4Address(source).packed, sport.to_bytes(2, "big"), dport.to_bytes(2, "big")
        )
        assert out.packet[IP].dst == backends[slot_of(words, 0xABCDEF, 251) % 7]


def test_flows_spread_over_the_backends(lb: Balancer) -> None:
    """Also those that differ in one port only, as one client's connections do."""
    tally = Counter(lb.run(client_tcp(sport=port)).packet[IP].dst for port in range(40000, 41000))
    assert all(350 <= count <= 650 for count in tally.values())
    assert len(tally) == 2


def test_hash_on_source_address_keeps_a_client_at_its_backend(empty_lb: Balancer) -> None:
    empty_lb.add_service(hash_on=HashOn.SOURCE_ADDRESS)
    sent = [empty_lb.run(client_tcp(sport=port)).packet for port in range(40000, 40100)]
    assert len({packet[IP].dst for packet in sent}) == 1
    assert len({packet[TCP].sport for packet in sent}) == 100
