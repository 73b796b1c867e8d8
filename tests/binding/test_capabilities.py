# SPDX-License-Identifier: BSD-2-Clause
"""Who may do what: processes that are root but for their capabilities."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from binding.stand import run_python

from xdplb.bpf import missing_capabilities

BITS = {"NET_ADMIN": 12, "SYS_ADMIN": 21, "PERFMON": 38, "BPF": 39}

# Drops all capabilities but some by capset(2), then tries things and tells what came of them.
TRIAL = """
import ctypes, json, sys
from xdplb.bpf import *

kept = int(sys.argv[2])
words = [word for half in (kept & 0xffffffff, kept >> 32) for word in (half, half, 0)]
header = (ctypes.c_uint32 * 2)(0x20080522, 0)
assert ctypes.CDLL(None).capset(header, (ctypes.c_uint32 * 6)(*words)) == 0

def load():
    with BpfObject.open(sys.argv[1]) as opened, opened.load() as loaded:
        return loaded.program("count").test_run(bytes(64)).retval

def attempt(action):
    try:
        return ["ok", action()]
    except BpfError as error:
        return [type(error).__name__, str(error), getattr(error, "missing", None)]

print(json.dumps({
    "missing": missing_capabilities(),
    "map": attempt(lambda: Map.create(MapType.HASH, 4, 4, 1).close()),
    "load": attempt(load),
    "ids": attempt(lambda: len(list(maps()))),
    "query": attempt(lambda: str(query_xdp("lo"))),
}))
"""


@pytest.fixture
def attempts(compiled: Callable[[str], Path]) -> Callable[..., dict[str, list[object]]]:
    def run_with(*kept: str) -> dict[str, list[object]]:
        mask = sum(1 << BITS[name] for name in kept)
        done = run_python(TRIAL, str(compiled("sample")), str(mask))
        found: dict[str, list[object]] = json.loads(done.stdout)
        return found

    return run_with


Attempts = Callable[..., dict[str, list[object]]]


def test_root_here_lacks_nothing() -> None:
    assert missing_capabilities() == []


def test_without_any_the_error_names_all_three(attempts: Attempts) -> None:
    tried = attempts()
    everything = ["CAP_BPF", "CAP_NET_ADMIN", "CAP_PERFMON"]
    assert tried["missing"] == everything
    for what in ("map", "load"):
        assert tried[what][0] == "MissingCapabilityError"
        assert tried[what][2] == everything
        assert "(missing CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON)" in str(tried[what][1])


def test_what_libbpf_says_about_memlock_is_not_repeated(attempts: Attempts) -> None:
    assert "RLIMIT_MEMLOCK" not in str(attempts()["load"])


def test_maps_take_cap_bpf_and_xdp_net_admin_too(attempts: Attempts) -> None:
    tried = attempts("BPF", "PERFMON")
    assert tried["map"][0] == "ok"
    assert tried["load"][0] == "MissingCapabilityError"
    assert tried["load"][2] == ["CAP_NET_ADMIN"]


def test_packet_length_wants_perfmon_and_the_refusal_says_so(attempts: Attempts) -> None:
    tried = attempts("BPF", "NET_ADMIN")
    assert tried["load"][0] == "VerifierError"
    assert "pointer" in str(tried["load"][1])
    assert str(tried["load"][1]).endswith("this may be allowed with CAP_PERFMON")


def test_the_three_of_them_are_enough(attempts: Attempts) -> None:
    tried = attempts("BPF", "NET_ADMIN", "PERFMON")
    assert tried["missing"] == []
    assert tried["map"][0] == "ok"
    assert tried["load"] == ["ok", 2]
    assert tried["query"] == ["ok", "no XDP program"]


def test_sys_admin_stands_in_for_bpf_and_perfmon(attempts: Attempts) -> None:
    tried = attempts("NET_ADMIN", "SYS_ADMIN")
    assert tried["missing"] == []
    assert tried["load"] == ["ok", 2]
    assert tried["ids"][0] == "ok"


def test_ids_take_sys_admin_and_the_error_names_it(attempts: Attempts) -> None:
    tried = attempts("BPF", "NET_ADMIN", "PERFMON")
    assert tried["ids"][0] == "MissingCapabilityError"
    assert tried["ids"][2] == ["CAP_SYS_ADMIN"]


def test_loading_sets_no_limit_of_locked_memory() -> None:
    code = (
        "import resource; from xdplb.bpf import *; before = resource.getrlimit(8);"
        "Map.create(MapType.HASH, 4, 4, 1).close(); assert resource.getrlimit(8) == before"
    )
    run_python(code)
