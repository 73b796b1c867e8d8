# SPDX-License-Identifier: BSD-2-Clause
"""A refused program gives one useful line, and its whole log on demand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from binding.stand import SOURCES

from xdplb.bpf import BpfObject, CodecError, KernelError, Program, VerifierError, verifier

REFUSED_LINE = 1 + [
    "the refused line" in line for line in (SOURCES / "refused.bpf.c").read_text().splitlines()
].index(True)

OLD_KERNEL_LOG = """\
; return data[13] == 8 ? XDP_PASS : XDP_DROP;
1: (71) r1 = *(u8 *)(r1 +13)
invalid access to packet, off=13 size=1, R1(id=0,off=13,r=0)
R1 offset is outside of the packet
processed 2 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
"""

NEW_KERNEL_LOG = """\
0: R1=ctx() R10=fp0
; __u8 *data = (void *)(long)ctx->data; @ parse.h:52
0: (61) r1 = *(u32 *)(r1 +0)          ; R1=pkt(r=0)
; return data[13] == 8 @ parse.h:54
1: (71) r1 = *(u8 *)(r1 +13)
R1 offset is outside of the packet
processed 71 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
"""


@pytest.fixture
def refusal(compiled: Callable[[str], Path]) -> VerifierError:
    with BpfObject.open(compiled("refused")) as opened, pytest.raises(VerifierError) as caught:
        opened.load()
    return caught.value


def test_error_names_program_reason_and_instructions(refusal: VerifierError) -> None:
    assert refusal.program == "reads_beyond"
    assert refusal.reason == "R1 offset is outside of the packet"
    assert refusal.instructions == 2


def test_error_names_the_line_of_c(refusal: VerifierError) -> None:
    assert refusal.source is not None
    assert refusal.source.endswith(f"refused.bpf.c:{REFUSED_LINE}")


def test_message_is_one_line_and_the_log_is_whole(refusal: VerifierError) -> None:
    text = str(refusal)
    assert text.startswith(
        "load program 'reads_beyond' of object 'refused': Permission denied; "
        "R1 offset is outside of the packet (at "
    )
    assert "\n" not in text
    assert "processed 2 insns" in refusal.log


def test_refused_load_uses_the_object_up(compiled: Callable[[str], Path]) -> None:
    opened = BpfObject.open(compiled("refused"))
    with pytest.raises(VerifierError):
        opened.load()
    with pytest.raises(ValueError, match="used up"):
        opened.load()


def test_program_that_is_not_wanted_is_not_verified(compiled: Callable[[str], Path]) -> None:
    with BpfObject.open(compiled("refused")) as opened:
        opened.program("reads_beyond").autoload = False
        with opened.load() as loaded:
            assert list(loaded.programs) == ["innocent"]


def test_log_is_kept_on_success_when_asked_for(compiled: Callable[[str], Path]) -> None:
    with BpfObject.open(compiled("sample")) as opened, opened.load(verifier_log=True) as loaded:
        assert set(loaded.verifier_log) == {"count", "bounce"}
        assert "processed 2 insns" in loaded.verifier_log["bounce"]
    with BpfObject.open(compiled("sample")) as opened, opened.load() as loaded:
        assert loaded.verifier_log == {}


def test_refusal_with_the_log_asked_for_reads_the_same(
    compiled: Callable[[str], Path], refusal: VerifierError
) -> None:
    with BpfObject.open(compiled("refused")) as opened, pytest.raises(VerifierError) as caught:
        opened.load(verifier_log=True)
    assert str(caught.value) == str(refusal)


def test_refused_instructions_say_why() -> None:
    with pytest.raises(VerifierError) as caught:
        Program.from_instructions(bytes.fromhex("9500000000000000"), name="no_result")
    assert caught.value.reason == "R0 !read_ok"
    assert caught.value.source is None
    assert str(caught.value) == (
        "load program 'no_result': Permission denied; R0 !read_ok (after 1 instructions)"
    )


def test_half_an_instruction_is_refused_before_the_kernel_sees_it() -> None:
    with pytest.raises(CodecError, match="no whole instructions"):
        Program.from_instructions(bytes(12))


def test_program_type_that_libbpf_does_not_know_is_refused() -> None:
    with pytest.raises(CodecError, match="'xpd' is no program type"):
        Program.from_instructions(bytes(8), type="xpd")


def test_log_of_an_older_kernel_gives_reason_but_no_line() -> None:
    error = verifier.verifier_error(-13, "entry", OLD_KERNEL_LOG)
    assert isinstance(error, VerifierError)
    assert error.reason == "R1 offset is outside of the packet"
    assert error.source is None
    assert error.instructions == 2


def test_source_is_told_by_the_whole_name_that_btf_has() -> None:
    files = ["bpf/xdp_lb.bpf.c", "bpf/parse.h", "/usr/include/linux/ip.h"]
    assert verifier.find_source(NEW_KERNEL_LOG, files) == "bpf/parse.h:54"
    assert verifier.find_source(NEW_KERNEL_LOG) == "parse.h:54"
    assert verifier.find_source(NEW_KERNEL_LOG, ["a/parse.h", "b/parse.h"]) == "parse.h:54"


def test_failure_without_any_log_is_an_ordinary_error() -> None:
    error = verifier.verifier_error(-22, "entry", "")
    assert type(error) is KernelError
    assert str(error) == "load program 'entry': Invalid argument"
