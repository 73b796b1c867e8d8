# SPDX-License-Identifier: BSD-2-Clause
"""Programs: what the kernel knows about one, runs on packets of ours, and attaching."""

from __future__ import annotations

import os

from xdplb._libbpf import ffi, lib
from xdplb.bpf.calls import kernel_error
from xdplb.bpf.errors import CodecError
from xdplb.bpf.handle import Handle, open_id, open_pin
from xdplb.bpf.info import ProgramInfo, program_type, program_type_name, read_program_info
from xdplb.bpf.link import XdpLink, attach_xdp
from xdplb.bpf.testrun import TestRun, run_live_frames, run_on_packet
from xdplb.bpf.typehints import TYPE_CHECKING
from xdplb.bpf.verifier import verifier_error
from xdplb.bpf.xdp import XdpMode

if TYPE_CHECKING:
    from os import PathLike
    from typing import Self

    from xdplb.bpf.netns import Netns

_INSTRUCTION_BYTES = 8
_LOG_BYTES = 1 << 20


class RunStatistics(Handle):
    """While one is open, the kernel counts and times all programs' runs (:class:`ProgramInfo`).

    It costs each run some ten nanoseconds; no sysctl is touched.

    :raises MissingCapabilityError: without CAP_SYS_ADMIN
    """

    __slots__ = ()

    kind = "run statistics"

    def __init__(self) -> None:
        self._fd = -1
        code = lib.bpf_enable_stats(lib.BPF_STATS_RUN_TIME)
        if code < 0:
            raise kernel_error(code, "enable", self.kind, by_id=True)
        super().__init__(code)


class Program(Handle):
    """A loaded program. It lives while a handle, a pin or an attachment holds it."""

    __slots__ = ("_first_info",)

    kind = "program"

    def __init__(self, fd: int, *, quiet: bool = False) -> None:
        self._fd = -1
        self._first_info = read_program_info(fd)
        super().__init__(fd, quiet=quiet)

    @classmethod
    def from_pin(cls, path: str | PathLike[str]) -> Self:
        """Open the program pinned at *path*.

        :raises NotFoundError: if nothing is pinned there
        """
        return cls._adopt(open_pin(path, cls.kind))

    @classmethod
    def from_id(cls, number: int) -> Self:
        """Open the program with that id; needs CAP_SYS_ADMIN.

        :raises NotFoundError: if there is none
        """
        return cls._adopt(open_id(lib.SHIM_PROGRAM, number, cls.kind))

    @classmethod
    def from_instructions(
        cls,
        code: bytes,
        *,
        type: str = "xdp",
        name: str = "",
        license: str = "GPL",
        frags: bool = False,
    ) -> Self:
        """Load a program out of raw instructions of 8 bytes, without an object file.

        :param type: libbpf's word, as ``"xdp"`` or ``"sched_cls"``
        :param name: at most 15 characters
        :param frags: an XDP program that can take packets of several buffers
        :raises VerifierError: if the verifier refuses it
        """
        if len(code) % _INSTRUCTION_BYTES:
            raise CodecError(f"program {name!r}: {len(code)} bytes are no whole instructions")
        log = ffi.new("char[]", _LOG_BYTES)
        flags = lib.BPF_F_XDP_HAS_FRAGS if frags else 0
        count = len(code) // _INSTRUCTION_BYTES
        number = program_type(type)
        arguments = (number, name.encode(), license.encode(), code, count, flags)
        result = lib.shim_program_load(*arguments, ffi.NULL, 0)
        if result < 0:
            result = lib.shim_program_load(*arguments, log, _LOG_BYTES)
        if result < 0:
            raise verifier_error(result, name, ffi.string(log).decode(errors="replace"))
        return cls._adopt(result)

    @classmethod
    def _adopt(cls, fd: int) -> Self:
        try:
            return cls(fd)
        except BaseException:
            os.close(fd)
            raise

    @property
    def name(self) -> str:
        """Its name, cut to 15 characters by the kernel."""
        return self._first_info.name

    @property
    def id(self) -> int:
        """The kernel's number for it."""
        return self._first_info.id

    @property
    def tag(self) -> str:
        """A hash over its instructions; kernels differ in how they make it."""
        return self._first_info.tag

    @property
    def type(self) -> str:
        """libbpf's word for its type, as ``"xdp"``."""
        return program_type_name(self._first_info.type)

    @property
    def subject(self) -> str:
        return f"program {self._first_info.name!r}"

    @property
    def info(self) -> ProgramInfo:
        """What the kernel says about it now."""
        return read_program_info(self.fileno())

    def dup(self) -> Self:
        """Return another handle of the same program, closed by itself."""
        return type(self)(os.dup(self.fileno()))

    def test_run(
        self,
        packet: bytes = b"",
        *,
        repeat: int = 1,
        context: bytes | None = None,
        ingress_ifindex: int | None = None,
        out_size: int | None = None,
    ) -> TestRun:
        """Run it on *packet* without any interface, and return what it made of it.

        The packet is not restored between repetitions: a program that changes it sees its own
        work from the second one on.

        :param repeat: how often; ``duration_ns`` is the average
        :param context: a ``struct xdp_md``, 24 bytes; its ``data_end`` is the packet's length
        :param ingress_ifindex: an interface of this thread's network namespace to come in by
        :param out_size: room for the packet afterwards; without, 4 KiB more than it had
        :raises InterruptedCallError: if a signal came in between
        """
        return run_on_packet(
            self.fileno(),
            self.subject,
            packet,
            repeat=repeat,
            context=context,
            ingress_ifindex=ingress_ifindex,
            out_size=out_size,
        )

    def run_live_frames(
        self, packet: bytes, *, repeat: int, batch: int = 64, ingress_ifindex: int
    ) -> None:
        """Run it on *repeat* copies of *packet* that are real: TX and REDIRECT really send them.

        Came with Linux 5.18; older ones run it as :meth:`test_run` does.
        """
        run_live_frames(
            self.fileno(),
            self.subject,
            packet,
            repeat=repeat,
            batch=batch,
            ingress_ifindex=ingress_ifindex,
        )

    def attach_xdp(
        self, interface: str | int, *, mode: XdpMode = XdpMode.NATIVE, netns: Netns = None
    ) -> XdpLink:
        """Attach it to an interface with a link, which is exclusive and atomic to update.

        :param interface: name or index
        :param mode: AUTO is native where the driver can, else generic
        :param netns: the network namespace of the interface: a name, path or descriptor
        :raises AttachConflictError: if somebody holds the hook
        :raises NoInterfaceError: if there is no such interface
        """
        return attach_xdp(self, interface, mode=mode, netns=netns)
