# SPDX-License-Identifier: BSD-2-Clause
"""Programs: what is known of them, and runs on packets of ours."""

from __future__ import annotations

import errno
import signal
import struct
from pathlib import Path

import pytest
from binding.stand import DROP, FRAME, PASS, Wire

from xdplb.bpf import (
    InterruptedCallError,
    KernelError,
    LoadedObject,
    Map,
    NoInterfaceError,
    NotFoundError,
    Program,
    RunStatistics,
    XdpAction,
    XdpMode,
    interface_index,
    network_namespace,
    programs,
    query_xdp,
)


def test_run_returns_action_packet_and_time(loaded: LoadedObject) -> None:
    run = loaded.program("bounce").test_run(FRAME, repeat=10)
    assert run.action is XdpAction.TX
    assert (run.retval, run.packet, run.context) == (3, FRAME, b"")
    assert run.duration_ns >= 0


def test_return_value_that_is_no_action_is_told_as_a_number(loaded: LoadedObject) -> None:
    nine = bytes.fromhex("b7000000090000009500000000000000")
    with Program.from_instructions(nine) as program:
        run = program.test_run(FRAME)
    assert run.retval == 9
    with pytest.raises(ValueError, match="9"):
        run.action  # noqa: B018


def test_repeats_run_that_often(loaded: LoadedObject) -> None:
    loaded.program("count").test_run(FRAME, repeat=12345)
    assert loaded.get_global("seen") == 12345


def test_packet_shorter_than_a_header_is_explained(loaded: LoadedObject) -> None:
    with pytest.raises(KernelError, match="a packet of 3 bytes; XDP takes 14 or more"):
        loaded.program("bounce").test_run(b"abc")


def test_output_that_finds_no_room_is_explained(loaded: LoadedObject) -> None:
    with pytest.raises(KernelError, match=r"64 bytes afterwards; .* out_size") as caught:
        loaded.program("bounce").test_run(bytes(64), out_size=10)
    assert caught.value.errno == errno.ENOSPC


def test_large_packet_comes_back_whole(loaded: LoadedObject) -> None:
    packet = bytes(range(256)) * 12
    assert loaded.program("bounce").test_run(packet).packet == packet


def test_packet_comes_in_by_the_interface_that_is_named(loaded: LoadedObject, wire: Wire) -> None:
    # r0 = ctx->ingress_ifindex
    ingress = bytes.fromhex("61100c00000000009500000000000000")
    with Program.from_instructions(ingress) as program, network_namespace(wire.near):
        index = interface_index("v0")
        assert program.test_run(FRAME, ingress_ifindex=index).retval == index
        assert struct.unpack("=6I", program.test_run(FRAME, ingress_ifindex=index).context)[3] == (
            index
        )


def test_context_is_passed_in_and_out(loaded: LoadedObject) -> None:
    context = struct.pack("=6I", 0, len(FRAME), 0, 1, 0, 0)
    run = loaded.program("bounce").test_run(FRAME, context=context)
    assert len(run.context) == 24


def test_signal_interrupts_a_long_run(loaded: LoadedObject) -> None:
    rings = []
    previous = signal.signal(signal.SIGALRM, lambda *_: rings.append(1))
    signal.setitimer(signal.ITIMER_REAL, 0.02)
    try:
        with pytest.raises(InterruptedCallError) as caught:
            loaded.program("bounce").test_run(FRAME, repeat=1 << 30)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    assert caught.value.errno == errno.EINTR
    assert rings == [1]


def test_exception_of_a_signal_handler_comes_through(loaded: LoadedObject) -> None:
    def ring(*_: object) -> None:
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, 0.02)
    try:
        with pytest.raises(KeyboardInterrupt):
            loaded.program("bounce").test_run(FRAME, repeat=1 << 30)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def test_live_frames_really_leave(loaded: LoadedObject, wire: Wire) -> None:
    count = loaded.program("count")
    with (
        loaded.program("bounce") as bounce,
        count.attach_xdp("v1", netns=wire.far),
        Program.from_instructions(DROP, name="drop") as drop,
        # veth sends by XDP only towards an end that can take XDP frames.
        drop.attach_xdp("v0", netns=wire.near),
        network_namespace(wire.near),
    ):
        bounce.run_live_frames(FRAME, repeat=256, batch=64, ingress_ifindex=interface_index("v0"))
    assert loaded.get_global("seen") >= 256


def test_live_frames_need_an_interface(loaded: LoadedObject) -> None:
    with pytest.raises((KernelError, NoInterfaceError)):
        loaded.program("bounce").run_live_frames(FRAME, repeat=1, ingress_ifindex=0x7FFFFFF0)


def test_info_tells_what_the_kernel_knows(loaded: LoadedObject) -> None:
    count = loaded.program("count")
    info = count.info
    assert (info.name, count.name, count.type) == ("count", "count", "xdp")
    assert (info.id, info.tag) == (count.id, count.tag)
    assert info.xlated_bytes > 0
    assert info.verified_instructions > 10
    assert loaded.map("verdicts").id in info.map_ids
    assert count.id in [one.id for one in programs()]


def test_runs_are_counted_while_statistics_are_on(loaded: LoadedObject) -> None:
    bounce = loaded.program("bounce")
    bounce.test_run(FRAME)
    assert bounce.info.run_count == 0
    with RunStatistics():
        bounce.test_run(FRAME, repeat=100)
    assert bounce.info.run_count == 100
    assert bounce.info.run_time_ns > 0


def test_program_opens_by_pin_and_by_id(loaded: LoadedObject, pins: Path) -> None:
    bounce = loaded.program("bounce")
    bounce.pin(pins / "bounce")
    loaded.close()
    with Program.from_pin(pins / "bounce") as by_pin, Program.from_id(bounce.id) as by_id:
        assert by_pin.id == by_id.id == bounce.id
        with by_id.dup() as twin:
            assert twin.test_run(FRAME).action is XdpAction.TX
    with pytest.raises(NotFoundError):
        Program.from_pin(pins / "nothing")


def test_program_without_an_object_file_passes_packets(wire: Wire) -> None:
    with Program.from_instructions(PASS, name="pass_all", frags=True) as program:
        assert program.test_run(FRAME).action is XdpAction.PASS
        with program.attach_xdp("v0", netns=wire.near):
            state = query_xdp("v0", netns=wire.near)
    assert (state.program_name, state.mode) == ("pass_all", XdpMode.NATIVE)


def test_name_longer_than_the_kernel_keeps_is_cut_by_it(loaded: LoadedObject) -> None:
    with Program.from_instructions(PASS, name="a_name_of_twenty_one") as program:
        assert program.name == "a_name_of_twent"
    with pytest.raises(KernelError), Map.create(1, 4, 4, 1, name="not a C name!"):
        pass
