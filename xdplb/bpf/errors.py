# SPDX-License-Identifier: BSD-2-Clause
"""What the binding raises.

::

    BpfError
    ├── ClosedError             the handle was closed, or its object already loaded (ValueError)
    ├── UnknownNameError        an object has no such map, program, variable or type (KeyError)
    ├── CodecError              a value that does not fit its C type, or a type with no codec
    └── KernelError             libbpf or the kernel said no (OSError):
        │                       .operation .subject .errno .log
        ├── ObjectError         an object that cannot be opened or read; libbpf codes from 4000 on
        ├── VerifierError       .program .reason .source .instructions .log
        ├── MapMismatchError    a map that cannot be reused: .differences
        ├── FeatureError        this kernel or this libbpf lacks it: .feature
        ├── MissingCapabilityError  .missing (PermissionError)
        ├── DeniedError         refused although no capability is missing (PermissionError)
        ├── InterruptedCallError    a signal came in between (InterruptedError)
        ├── NotFoundError       no such pin, file or id (FileNotFoundError)
        ├── NoInterfaceError    no such interface in that network namespace
        ├── AttachConflictError somebody holds the hook: .holder
        ├── LinkSeveredError    the interface under the link is gone
        ├── KeyMissingError     (KeyError)
        ├── KeyExistsError
        ├── MapFullError
        └── BatchError          .done: how many elements took effect

Each :class:`KernelError` reads ``operation subject: words of the errno[; what libbpf, the
verifier or netlink added]``.
"""

from __future__ import annotations

from xdplb.bpf.typehints import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from xdplb.bpf.xdp import XdpState

_MOST_LINES = 4  # of a log, in a message; the first ones are about causes less near


class BpfError(Exception):
    """Anything this package refuses or could not do."""


class ClosedError(BpfError, ValueError):
    """The handle is closed, or its object was loaded and with that used up."""


class CodecError(BpfError, ValueError):
    """A value does not fit its C type, or a C type has no codec."""


class UnknownNameError(BpfError, KeyError):
    """There is nothing of that name; the message has the nearest one that is there.

    :ivar name: what was asked for
    """

    def __init__(self, where: str, what: str, name: str, known: Iterable[str] = ()) -> None:
        from difflib import get_close_matches  # noqa: PLC0415 - slow to import, and rarely needed

        names = [other for other in known if other]
        near = get_close_matches(name, names, n=1)
        advice = (
            f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(names) or 'none'}"
        )
        super().__init__(f"{where}: no {what} {name!r}; {advice}")
        self.name = name

    def __str__(self) -> str:
        return str(self.args[0])

    def __reduce__(self) -> tuple[object, ...]:
        return _restore, (type(self), self.args, self.__dict__)


def _restore(
    kind: type[UnknownNameError], args: tuple[object, ...], state: dict[str, object]
) -> UnknownNameError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error


class KernelError(BpfError, OSError):
    """A call of libbpf failed.

    :ivar operation: what was tried, as ``"update"``
    :ivar subject: on what, as ``"map 'backends'"``
    :ivar errno: the positive code; 4000 and more are libbpf's own
    :ivar log: what libbpf, the verifier or netlink said about it; empty where nothing
    """

    errno: int
    strerror: str

    def __init__(
        self, operation: str, subject: str, errno: int, words: str = "", log: str = ""
    ) -> None:
        super().__init__(errno, words)
        self.operation = operation
        self.subject = subject
        self.log = log

    def __str__(self) -> str:
        text = f"{self.operation} {self.subject}: {self.strerror}"
        return f"{text}; {self.details()}" if self.details() else text

    def details(self) -> str:
        """Return the part of the message after the errno's words; one line, maybe empty."""
        lines = [line.strip().removeprefix("libbpf: ") for line in self.log.splitlines()]
        return "; ".join([line for line in lines if line][-_MOST_LINES:])

    def __reduce__(self) -> tuple[object, ...]:
        arguments = (self.operation, self.subject, self.errno, self.strerror, self.log)
        return type(self), arguments, self.__dict__


class ObjectError(KernelError):
    """The object file cannot be opened or understood."""


class VerifierError(KernelError):
    """The verifier refused a program.

    :ivar program: its name
    :ivar reason: the line of the log that says why
    :ivar source: ``"file.h:54"`` of the C that was refused; None where the log has no line
    :ivar instructions: how many the verifier had walked
    :ivar log: the verifier's whole log
    """

    program: str = ""
    reason: str = ""
    source: str | None = None
    instructions: int = 0
    hint: str = ""

    def details(self) -> str:
        where = f"at {self.source}, " if self.source else ""
        text = f"{self.reason} ({where}after {self.instructions} instructions)"
        return f"{text}; {self.hint}" if self.hint else text


class MapMismatchError(KernelError):
    """A map cannot take the place of the one an object declares.

    :ivar differences: a sentence per field that differs
    """

    differences: Sequence[str] = ()


class FeatureError(KernelError):
    """The kernel or libbpf of this machine cannot do it.

    :ivar feature: what is lacking
    """

    feature: str = ""


class MissingCapabilityError(KernelError, PermissionError):
    """The process lacks a capability.

    :ivar missing: their names, as ``["CAP_BPF"]``
    """

    missing: Sequence[str] = ()


class DeniedError(KernelError, PermissionError):
    """Refused, although the process has the capabilities."""


class InterruptedCallError(KernelError, InterruptedError):
    """A signal interrupted the call; it took no effect, or was cut short."""


class NotFoundError(KernelError, FileNotFoundError):
    """No pin at that path, or nothing loaded with that id."""


class NoInterfaceError(KernelError):
    """The network namespace has no such interface."""


class AttachConflictError(KernelError):
    """Somebody else holds the interface's XDP hook.

    :ivar holder: what is attached there; None if it could not be asked or is gone again
    """

    holder: XdpState | None = None


class LinkSeveredError(KernelError):
    """The link's interface was deleted; attaching again takes a new link."""


class KeyMissingError(KernelError, KeyError):
    """The map has nothing under that key."""


class KeyExistsError(KernelError):
    """The map has something under that key already."""


class MapFullError(KernelError):
    """The map has no room for another key."""


class BatchError(KernelError):
    """A batch stopped half way.

    :ivar done: how many elements, from the first on, took effect
    """

    done: int = 0
