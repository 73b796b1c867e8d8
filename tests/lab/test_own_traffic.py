# SPDX-License-Identifier: BSD-2-Clause
"""What is not for a backend goes on as if nothing were attached: the host's own traffic."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from lab.attachment import VIP, Attachment, attached
from lab.stand import Lab
from lab.wire import KeptConnection, listen_in, read_exactly, socket_in, udp_socket_in

PING = ("ping", "-n", "-q", "-c", "3", "-i", "0.01", "-W", "5")


@pytest.fixture(scope="module")
def balancer(lab: Lab) -> Iterator[Attachment]:
    """Give out a balancer that takes any TCP and UDP port of its host's only address."""
    with attached(lab, "10.0.0.2", "10.0.0.3") as attachment:
        yield attachment


@pytest.mark.parametrize(("backend", "name"), [("10.0.0.2", "h2"), ("10.0.0.3", "h3")])
def test_host_of_the_balancer_asks_a_backend_by_http(
    balancer: Attachment, backend: str, name: str
) -> None:
    url = f"http://{backend}/name?[1-10]"
    for options in ((), ("--header", "Connection: close")):
        assert balancer.lab.get("lb", url, *options).split() == [name] * 10
    assert balancer.verdicts()["pass_local_socket"] > 0


def test_host_of_the_balancer_downloads_from_a_backend(balancer: Attachment) -> None:
    size = 5_000_001
    body = ("--output", "/dev/null", "--write-out", "%{size_download}")
    assert balancer.lab.get("lb", f"http://10.0.0.2/bytes/{size}", *body) == str(size)


def test_host_of_the_balancer_connects_to_a_client(balancer: Attachment) -> None:
    lab = balancer.lab
    with listen_in(lab, "client", 8000) as listener, socket_in(lab, "lb") as caller:
        caller.connect(("10.0.0.1", 8000))
        called, address = listener.accept()
        with called:
            assert address == caller.getsockname()
            caller.sendall(b"question")
            assert read_exactly(called, 8) == b"question"
            called.sendall(b"answer")
            assert read_exactly(caller, 6) == b"answer"


def test_host_of_the_balancer_is_refused_where_nobody_listens(balancer: Attachment) -> None:
    with socket_in(balancer.lab, "lb") as caller, pytest.raises(ConnectionRefusedError):
        caller.connect(("10.0.0.2", 9999))


@pytest.mark.parametrize("backend", ["10.0.0.2", "10.0.0.3"])
def test_host_of_the_balancer_gets_answers_to_its_datagrams(
    balancer: Attachment, backend: str
) -> None:
    with udp_socket_in(balancer.lab, "lb") as asker:
        asker.sendto(b"mine", (backend, 7))
        answer, sender = asker.recvfrom(100)
    assert answer.endswith(b" mine")
    assert sender == (backend, 7)


@pytest.mark.parametrize("address", ["10.0.0.1", "10.0.0.2", "10.0.0.3"])
def test_host_of_the_balancer_pings_the_others(balancer: Attachment, address: str) -> None:
    assert " 0% packet loss" in balancer.lab.run("lb", *PING, address).checked()


@pytest.mark.parametrize("size", [56, 1472, 4000, 20000])
def test_vip_answers_pings_of_any_size(balancer: Attachment, size: int) -> None:
    told = balancer.lab.run("client", *PING, "-s", str(size), VIP).checked()
    assert " 0% packet loss" in told


def test_fragmented_datagrams_are_left_to_the_host_and_disturb_nothing(
    balancer: Attachment,
) -> None:
    lab = balancer.lab
    before = balancer.verdicts().get("pass_fragment", 0)
    with KeptConnection(lab) as kept, udp_socket_in(lab, "client") as sender:
        host = kept.ask()
        for _ in range(20):
            sender.sendto(bytes(4000), (VIP, 7))
        assert kept.ask() == host
    # 4000 bytes are three frames each.
    assert balancer.verdicts()["pass_fragment"] == before + 60
    assert len(lab.get("client", f"http://{VIP}/name?[1-20]").split()) == 20
    assert balancer.drops() == {}


def test_fragmented_datagram_to_the_host_itself_arrives_while_no_service_takes_its_port(
    lab: Lab, balancer: Attachment
) -> None:
    """An any-port service takes whole datagrams; those in pieces the host puts together."""
    payload = bytes(number % 251 for number in range(4000))
    with udp_socket_in(lab, "lb", 9000) as mine, udp_socket_in(lab, "client") as sender:
        sender.sendto(payload, (VIP, 9000))
        assert mine.recv(5000) == payload


def test_frames_between_other_hosts_are_none_of_the_balancers_business(
    balancer: Attachment,
) -> None:
    lab = balancer.lab
    assert lab.get("client", "http://10.0.0.2/name") == "h2\n"
    assert lab.get("h2", "http://10.0.0.3/").startswith("h3 answers 10.0.0.2:")
    assert " 0% packet loss" in lab.run("client", *PING, "10.0.0.3").checked()


def test_backend_reaches_the_vip_as_any_client_does(balancer: Attachment) -> None:
    names = balancer.lab.get("h2", f"http://{VIP}/name?[1-40]", "--header", "Connection: close")
    assert set(names.split()) == {"h2", "h3"}
