# SPDX-License-Identifier: BSD-2-Clause
"""Requests to the VIP are answered by the backends, each getting its share."""

from __future__ import annotations

from collections import Counter

import pytest
from lab.attachment import VIP, Attach
from lab.stand import Lab, RaiseLab
from lab.wire import KeptConnection, connect_from, listen_in, read_exactly, udp_socket_in

from xdplb.lab.reading import find_topology

BACKENDS = ("10.0.0.2", "10.0.0.3")
REQUESTS = 500
# Its exit code for a connection that was refused.
CURL_REFUSED = 7
LOW, HIGH = 0.35 * REQUESTS, 0.65 * REQUESTS


@pytest.mark.parametrize("order", [(), ("--parallel", "--parallel-max", "50")], ids=["one", "many"])
def test_500_curl_requests_are_all_answered_and_spread_over_both_backends(
    lab: Lab, attach: Attach, order: tuple[str, ...]
) -> None:
    attachment = attach(lab, *BACKENDS, "--port", "80")
    told = lab.get(
        "client",
        f"http://{VIP}/name?[1-{REQUESTS}]",
        *order,
        *("--header", "Connection: close"),
        *("--write-out", "%{http_code}:%{num_connects}\\n"),
    ).split()
    spread = Counter(told)
    assert spread.pop("200:1") == REQUESTS, "answered, each on a connection of its own"
    assert spread.keys() == {"h2", "h3"}
    assert all(LOW <= share <= HIGH for share in spread.values()), spread
    assert attachment.drops() == {}


def test_counters_of_the_backends_say_what_the_client_saw(raised: RaiseLab, attach: Attach) -> None:
    # A lab of its own: what an earlier test's connection sends late would count as one more.
    fresh = raised(find_topology("tutorial").document)
    attachment = attach(fresh, *BACKENDS, "--port", "80")
    url = f"http://{VIP}/name?[1-40]"
    spread = Counter(fresh.get("client", url, "--header", "Connection: close").split())
    (service,) = attachment.status()["services"]
    counted = {one["address"]: one["new_connections"] for one in service["backends"]}
    assert counted == {"10.0.0.2": spread["h2"], "10.0.0.3": spread["h3"]}
    assert service["new_connections"] == 40


def test_backend_with_three_times_the_weight_gets_three_of_four(lab: Lab, attach: Attach) -> None:
    attach(lab, "10.0.0.2,weight=3", "10.0.0.3", "--port", "80")
    url = f"http://{VIP}/name?[1-{REQUESTS}]"
    spread = Counter(lab.get("client", url, "--header", "Connection: close").split())
    assert spread.total() == REQUESTS
    assert 0.62 * REQUESTS <= spread["h2"] <= 0.88 * REQUESTS, spread


def test_client_hashed_on_its_address_has_one_backend_for_all_its_connections(
    lab: Lab, attach: Attach
) -> None:
    attach(lab, *BACKENDS, "--port", "80", "--hash-on", "source-address")
    url = f"http://{VIP}/name?[1-50]"
    names = lab.get("client", url, "--header", "Connection: close").split()
    assert len(names) == 50
    assert len(set(names)) == 1


def test_one_tcp_connection_never_changes_its_backend(lab: Lab, attach: Attach) -> None:
    attach(lab, *BACKENDS)
    for _ in range(10):
        with KeptConnection(lab) as connection:
            assert len({connection.ask() for _ in range(50)}) == 1, "one host, one NAT port"


def test_udp_datagrams_of_one_flow_all_come_back_from_one_backend(lab: Lab, attach: Attach) -> None:
    attach(lab, *BACKENDS, "--port", "7/udp")
    hosts: Counter[bytes] = Counter()
    for _ in range(40):
        with udp_socket_in(lab, "client") as asker:
            asker.connect((VIP, 7))
            for number in range(5):
                asker.send(b"datagram %d" % number)
            answers = [asker.recv(100).partition(b" ") for _ in range(5)]
        assert sorted(payload for _, _, payload in answers) == [
            b"datagram %d" % n for n in range(5)
        ]
        (host,) = {name for name, _, _ in answers}
        hosts[host] += 1
    assert hosts.keys() == {b"h2", b"h3"}


def test_service_of_a_udp_port_leaves_the_tcp_port_of_that_number_to_the_host(
    lab: Lab, attach: Attach
) -> None:
    attach(lab, *BACKENDS, "--port", "7/udp")
    told = lab.run("client", "curl", "-q", "-sS", "--max-time", "20", f"http://{VIP}:7/")
    assert told.code == CURL_REFUSED, "nothing listens there on the balancer's own host"
    with udp_socket_in(lab, "client") as asker:
        asker.sendto(b"x", (VIP, 7))
        assert asker.recv(100) in (b"h2 x", b"h3 x")


def test_ports_without_a_service_are_the_hosts_own(lab: Lab, attach: Attach) -> None:
    attach(lab, *BACKENDS, "--port", "80")
    with listen_in(lab, "lb", 22) as listener, connect_from(lab, "client", 22) as caller:
        called, _ = listener.accept()
        with called:
            called.sendall(b"SSH-2.0-")
            assert read_exactly(caller, 8) == b"SSH-2.0-"
    assert lab.get("client", f"http://{VIP}/name") in ("h2\n", "h3\n")
