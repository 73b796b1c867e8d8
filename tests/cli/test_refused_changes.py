# SPDX-License-Identifier: BSD-2-Clause
"""What changes to services and backends refuse: one line, and all stays as it was."""

import pytest
from cli.stand import BACKENDS, H2, VIP, WEB, Stand


@pytest.mark.parametrize(
    ("words", "says", "code"),
    [
        (["backend", "add", WEB, BACKENDS[0]], f"{H2}: {WEB} has it already", 1),
        (["backend", "add", WEB, VIP], f"{VIP}: is the address of the service itself", 2),
        (["backend", "add", WEB, "10.0.0.4", "10.0.0.4"], "the backend is named twice", 2),
        (["backend", "remove", WEB, "10.0.0.9"], f"10.0.0.9: {WEB} has no such backend; it", 1),
        (["backend", "remove", "web", H2], f"web: there is no such service; there are: {WEB}", 1),
        (["backend", "remove", WEB, H2, "10.0.0.9"], "10.0.0.9: ", 1),
        (["backend", "set", WEB, H2], "missing option --weight", 2),
        (["backend", "add", WEB], "missing argument BACKEND", 2),
        (["service", "add", WEB], f"{WEB}: there is such a service already", 1),
        (["service", "add", f"{VIP}:81/tcp", VIP], f"{VIP}: is the address of the service", 2),
        (["service", "add", "10.0.0.10"], "10.0.0.10: is not a service; write VIP:PORT/PROTO", 2),
        (["service", "add", f"{VIP}:81/tcp", "--name", "any"], "any: is not a name", 2),
        (
            ["service", "add", f"{VIP}:81/tcp", "--mode", "relay"],
            "relay: is not a forwarding mode",
            2,
        ),
        (["service", "remove", f"{VIP}:81/tcp"], "there is no such service", 1),
        (["service", "set", WEB], "nothing to set; name --scheduler or --hash-on", 2),
        (["service", "sett", WEB], "no such command sett", 2),
        (["backend", "list", "-i", "eth9"], "eth9: xdplb is not attached there; it is on", 1),
    ],
)
def test_refused_change_changes_nothing(
    refusing_attached: Stand, words: list[str], says: str, code: int
) -> None:
    before = refusing_attached.status()["services"]
    answer = refusing_attached.xdplb(*words)
    assert (answer.code, answer.output) == (code, "")
    assert says in answer.complaint
    assert answer.complaint.count("\n") == 1
    assert refusing_attached.status()["services"] == before
