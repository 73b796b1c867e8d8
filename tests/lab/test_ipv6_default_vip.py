# SPDX-License-Identifier: BSD-2-Clause
"""Which of an interface's IPv6 addresses is the VIP where none is named."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from lab.attachment import Attach
from lab.stand import Lab

OWN = "2001:db8::10"
Change = Callable[..., None]


@pytest.fixture
def change(dual_stack: Lab) -> Iterator[Change]:
    """Give out a function that changes an address of the balancer; all is put back after it."""
    changed: list[str] = []

    def change_address(verb: str, address: str, *words: str) -> None:
        command = ("ip", "addr", verb, f"{address}/64", "dev", "veth6", *words)
        dual_stack.run("lb", *command).checked()
        changed.append(address)

    yield change_address
    for address in changed:
        # `change` without a lifetime is for ever.
        verb = "change" if address == OWN else "del"
        dual_stack.run("lb", "ip", "addr", verb, f"{address}/64", "dev", "veth6").checked()


def vip_of(lab: Lab, attach: Attach) -> str:
    """Attach without --vip and return which was chosen."""
    (service,) = attach(lab, "2001:db8::2", "--port", "80").status()["services"]
    vip: str = service["vip"]
    return vip


def test_oldest_address_is_the_vip(dual_stack: Lab, attach: Attach, change: Change) -> None:
    for number in range(0x20, 0x28):
        change("add", f"2001:db8::{number:x}", "nodad")
    assert vip_of(dual_stack, attach) == OWN


def test_deprecated_address_is_not_the_vip_while_there_is_another(
    dual_stack: Lab, attach: Attach, change: Change
) -> None:
    change("change", OWN, "preferred_lft", "0")
    change("add", "2001:db8::20", "nodad")
    assert vip_of(dual_stack, attach) == "2001:db8::20"


def test_deprecated_address_is_the_vip_where_there_is_no_other(
    dual_stack: Lab, attach: Attach, change: Change
) -> None:
    change("change", OWN, "preferred_lft", "0")
    assert vip_of(dual_stack, attach) == OWN
