# SPDX-License-Identifier: BSD-2-Clause
"""What an error says, of which class it is, and that threads don't hear each other."""

from __future__ import annotations

import errno
import pickle
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from xdplb.bpf import (
    AttachConflictError,
    BatchError,
    BpfError,
    BpfObject,
    ClosedError,
    CodecError,
    DeniedError,
    InterruptedCallError,
    KernelError,
    KeyMissingError,
    LinkSeveredError,
    Map,
    MapType,
    MissingCapabilityError,
    NotFoundError,
    ObjectError,
    UnknownNameError,
    errors,
)
from xdplb.bpf.calls import kernel_error, strerror


def test_message_reads_operation_subject_words_and_what_was_said() -> None:
    error = kernel_error(-errno.EINVAL, "load", "object 'x'", "libbpf: map 'a': too small\n")
    assert str(error) == "load object 'x': Invalid argument; map 'a': too small"
    assert (error.operation, error.subject, error.errno) == ("load", "object 'x'", errno.EINVAL)


def test_message_without_more_to_say_ends_after_the_errno() -> None:
    assert str(kernel_error(-errno.EBUSY, "attach", "x")) == "attach x: Device or resource busy"


def test_long_log_is_whole_in_the_attribute_and_short_in_the_message() -> None:
    log = "\n".join(f"line {number}" for number in range(100))
    error = kernel_error(-errno.EINVAL, "load", "x", log)
    assert error.log == log
    assert str(error).endswith("Invalid argument; line 96; line 97; line 98; line 99")


def test_every_error_is_a_bpf_error_and_kernel_errors_are_os_errors() -> None:
    classes = [thing for thing in vars(errors).values() if isinstance(thing, type)]
    raised = [thing for thing in classes if issubclass(thing, BaseException)]
    assert len(raised) > 18
    assert all(issubclass(one, BpfError) for one in raised)
    assert issubclass(KernelError, OSError)


def test_tree_in_the_docstring_names_every_error() -> None:
    tree = errors.__doc__ or ""
    names = [n for n, thing in vars(errors).items() if isinstance(thing, type) and "Error" in n]
    assert [name for name in names if name not in tree] == []


@pytest.mark.parametrize(
    ("error", "builtin"),
    [
        (InterruptedCallError, InterruptedError),
        (MissingCapabilityError, PermissionError),
        (DeniedError, PermissionError),
        (NotFoundError, FileNotFoundError),
        (KeyMissingError, KeyError),
        (UnknownNameError, KeyError),
        (ClosedError, ValueError),
        (CodecError, ValueError),
    ],
)
def test_error_is_also_what_python_calls_it(
    error: type[BpfError], builtin: type[Exception]
) -> None:
    assert issubclass(error, builtin)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (errno.EINTR, InterruptedCallError),
        (errno.ENOENT, NotFoundError),
        (errno.ENOLINK, LinkSeveredError),
        (errno.EPERM, DeniedError),
        (errno.EACCES, DeniedError),
        (errno.EINVAL, KernelError),
    ],
)
def test_class_follows_the_code(code: int, kind: type[KernelError]) -> None:
    assert type(kernel_error(-code, "do", "it")) is kind


def test_codes_of_libbpf_have_libbpfs_words() -> None:
    with pytest.raises(ObjectError) as caught:
        BpfObject.open("/bin/true")
    assert caught.value.errno >= 4000
    assert "Unknown error" not in str(caught.value)
    assert strerror(caught.value.errno) == "BPF object format invalid"


def test_code_comes_from_the_return_value_and_not_from_a_stale_errno() -> None:
    with Map.create(MapType.HASH, 4, 4, 1, name="bt_errno") as map_:
        with pytest.raises(NotFoundError):
            Map.from_pin("/sys/fs/bpf/bt-nothing-here")
        map_.update(b"aaaa", b"bbbb")
        with pytest.raises(errors.MapFullError) as caught:
            map_.update(b"cccc", b"dddd")
    assert caught.value.errno == errno.E2BIG


def test_misleading_hint_about_memlock_is_left_out() -> None:
    said = "libbpf: Error in bpf_object__probe_loading(): RLIMIT_MEMLOCK is set to big enough value"
    assert "RLIMIT" not in str(kernel_error(-errno.EPERM, "load", "x", said))


def test_unknown_name_tells_the_near_miss(compiled: Callable[[str], Path]) -> None:
    with BpfObject.open(compiled("sample")) as opened:
        with pytest.raises(UnknownNameError) as caught:
            opened.map("flow")
        with pytest.raises(UnknownNameError) as far:
            opened.program("qqqqq")
    assert str(caught.value) == "object 'sample': no map 'flow'; did you mean 'flows'?"
    assert str(far.value) == "object 'sample': no program 'qqqqq'; there are: count, bounce"


def test_errors_survive_pickling_with_all_they_know() -> None:
    batch = BatchError("update", "map 'x'", errno.E2BIG, "full", "said")
    batch.done = 7
    conflict = AttachConflictError("attach to", "interface v0", errno.EBUSY, "busy")
    unknown = UnknownNameError("object 'x'", "map", "a", ["b"])
    for error in (batch, conflict, unknown):
        again = pickle.loads(pickle.dumps(error))
        assert (type(again), str(again)) == (type(error), str(error))
    assert pickle.loads(pickle.dumps(batch)).done == 7


def test_each_thread_hears_its_own_messages_only(tmp_path: Path) -> None:
    heard: dict[str, list[str]] = {f"broken{number}": [] for number in range(4)}
    start = threading.Barrier(4)

    def fail(name: str) -> None:
        broken = tmp_path / name
        broken.write_bytes(b"no ELF")
        start.wait()
        for _ in range(50):
            try:
                BpfObject.open(broken)
            except ObjectError as error:
                heard[name].append(error.log)

    threads = [threading.Thread(target=fail, args=(name,)) for name in heard]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name, logs in heard.items():
        assert len(logs) == 50
        assert {log.count("broken") for log in logs} == {log.count(name) for log in logs}
        assert all(name in log for log in logs)


def test_failure_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ObjectError):
        BpfObject.open("/bin/true")
    assert capfd.readouterr() == ("", "")
