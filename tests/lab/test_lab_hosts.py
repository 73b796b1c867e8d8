# SPDX-License-Identifier: BSD-2-Clause
"""A lab that is up has the hosts, addresses and servers that its topology promises."""

from __future__ import annotations

import hashlib
import json

import pytest
from lab.stand import Lab, RaiseLab

ADDRESSES = {"client": "10.0.0.1", "h2": "10.0.0.2", "h3": "10.0.0.3", "lb": "10.0.0.10"}


@pytest.mark.parametrize(
    ("host", "interface", "mac"),
    [
        ("client", "veth0", "de:ad:be:ef:00:01"),
        ("h2", "veth0", "de:ad:be:ef:00:02"),
        ("h3", "veth0", "de:ad:be:ef:00:03"),
        ("lb", "veth6", "de:ad:be:ef:00:10"),
    ],
)
def test_host_has_the_interface_mac_and_address_of_its_topology(
    lab: Lab, host: str, interface: str, mac: str
) -> None:
    (link,) = json.loads(lab.run(host, "ip", "-j", "addr", "show", interface).checked())
    assert link["address"] == mac
    assert [(one["local"], one["prefixlen"]) for one in link["addr_info"]] == [
        (ADDRESSES[host], 24)
    ]
    assert link["operstate"] == "UP"


@pytest.mark.parametrize("asking", ADDRESSES)
def test_host_reaches_every_other_by_ping(lab: Lab, asking: str) -> None:
    for asked, address in ADDRESSES.items():
        if asked != asking:
            lab.run(asking, "ping", "-n", "-c", "1", "-W", "5", address).checked()


def test_bridge_and_its_ports_are_in_a_namespace_of_their_own(lab: Lab) -> None:
    links = json.loads(lab.run("switch", "ip", "-j", "link").checked())
    ports = {one["ifname"] for one in links if one.get("master") == "br0"}
    assert ports == {"client", "h2", "h3", "lb"}


def test_only_the_port_that_faces_the_balancer_has_a_program_and_computes_checksums(
    lab: Lab,
) -> None:
    links = json.loads(lab.run("switch", "ip", "-j", "link").checked())
    assert [one["ifname"] for one in links if "xdp" in one] == ["lb"]
    (port,) = (one for one in links if one["ifname"] == "lb")
    assert port["xdp"]["mode"] == 1, "native"
    offloads = json.loads(lab.run("switch", "ethtool", "--json", "-k", "lb").checked())[0]
    assert not offloads["tx-checksum-ip-generic"]["active"]
    assert offloads["generic-receive-offload"]["active"]


@pytest.mark.parametrize("host", ["h2", "h3"])
def test_http_server_names_itself_and_the_client(lab: Lab, host: str) -> None:
    url = f"http://{ADDRESSES[host]}"
    assert lab.get("client", f"{url}/name") == f"{host}\n"
    assert lab.get("client", f"{url}/").startswith(f"{host} answers 10.0.0.1:")
    head = lab.get("client", url, "--head").lower().splitlines()
    assert f"x-host: {host}" in head
    assert any(line.startswith("x-client: 10.0.0.1:") for line in head)


def test_http_server_keeps_the_connection_and_closes_it_when_asked(lab: Lab) -> None:
    url = f"http://{ADDRESSES['h2']}/name"
    counting = ("-w", "%{num_connects}\n", "-o", "/dev/null")
    assert lab.get("client", f"{url}?[1-3]", *counting).split() == ["1", "0", "0"]
    closing = (*counting, "-H", "Connection: close")
    assert lab.get("client", f"{url}?[1-3]", *closing).split() == ["1", "1", "1"]


def test_large_body_arrives_with_the_digest_its_header_tells(lab: Lab) -> None:
    code = """
import hashlib, urllib.request
answer = urllib.request.urlopen("http://10.0.0.2/bytes/30000001", timeout=20)
body = answer.read()
print(len(body), hashlib.sha256(body).hexdigest() == answer.headers["X-SHA256"])
"""
    assert lab.python("client", code).split() == ["30000001", "True"]


def test_server_answers_the_digest_of_what_it_was_sent(lab: Lab) -> None:
    payload = "x" * 100_000
    answer = lab.get("h3", "http://10.0.0.2/", "--data", payload)
    assert answer == hashlib.sha256(payload.encode()).hexdigest() + "\n"


def test_unknown_page_is_a_404_that_tells_the_pages_there_are(lab: Lab) -> None:
    answer = lab.run("client", "curl", "-s", "-w", "%{http_code}", "http://10.0.0.2/x").checked()
    assert answer.endswith("404")
    assert "/bytes/N" in answer


ASK_BY_UDP = """
import socket
asker = socket.socket(socket.{family}, socket.SOCK_DGRAM)
asker.settimeout(5)
asker.sendto(b"hello", ("{address}", 7))
answer, sender = asker.recvfrom(100)
print(answer.decode(), sender[0])
"""


@pytest.mark.parametrize("host", ["h2", "h3"])
def test_udp_echo_names_the_host_and_sends_the_datagram_back(lab: Lab, host: str) -> None:
    address = ADDRESSES[host]
    answer = lab.python("client", ASK_BY_UDP.format(family="AF_INET", address=address))
    assert answer == f"{host} hello {address}\n"


ROUTED = """
switches: {outer: {}, inner: {}}
hosts:
  asker:
    interfaces:
      eth0:
        switch: outer
        mac: "02:00:00:00:00:01"
        addresses: [10.0.0.1/24, "2001:db8::1/64"]
    routes:
      - {to: 10.1.0.0/24, via: 10.0.0.254}
      - {to: 192.0.2.1/32, via: 10.0.0.254}
      - {to: "2001:db8:1::/64", via: "2001:db8::254"}
  router:
    forward: true
    interfaces:
      out0:
        switch: outer
        mac: "02:00:00:00:00:02"
        addresses: [10.0.0.254/24, "2001:db8::254/64"]
      in0:
        switch: inner
        mac: "02:00:00:00:00:03"
        mtu: 1300
        addresses: [10.1.0.254/24, "2001:db8:1::254/64"]
    routes: [{to: 192.0.2.1/32, via: 10.1.0.2}]
  server:
    loopback: [192.0.2.1]
    interfaces:
      eth0:
        switch: inner
        mac: "02:00:00:00:00:04"
        addresses: [10.1.0.2/24, "2001:db8:1::2/64"]
    routes:
      - {to: 10.0.0.0/24, via: 10.1.0.254}
      - {to: "2001:db8::/64", via: "2001:db8:1::254"}
    servers: {http: 8080, udp-echo: 7}
"""


def test_router_ipv6_small_mtu_and_an_address_on_lo_work_together(raised: RaiseLab) -> None:
    lab = raised(ROUTED)
    answers = "server answers 10.0.0.1:", "server answers [2001:db8::1]:"
    for address, answer in zip(("10.1.0.2", "[2001:db8:1::2]"), answers, strict=True):
        assert lab.get("asker", f"http://{address}:8080/").startswith(answer)
    told = lab.run("asker", "ping", "-n", "-c", "1", "-M", "do", "-s", "1400", "10.1.0.2")
    assert told.code == 1
    assert "mtu = 1300" in told.output
    for family, address in (("AF_INET", "192.0.2.1"), ("AF_INET6", "2001:db8:1::2")):
        answer = lab.python("asker", ASK_BY_UDP.format(family=family, address=address))
        assert answer == f"server hello {address}\n", "answered from the address that was asked"


def test_address_on_lo_is_not_told_to_neighbours(raised: RaiseLab) -> None:
    lab = raised("""
switches: {wire: {}}
hosts:
  one: {interfaces: {eth0: {switch: wire, mac: "02:00:00:00:00:01", addresses: [10.0.0.1/24]}}}
  two:
    interfaces: {eth0: {switch: wire, mac: "02:00:00:00:00:02", addresses: [10.0.0.2/24]}}
    loopback: [10.0.0.99]
""")
    assert lab.run("one", "ping", "-n", "-c", "1", "-W", "1", "10.0.0.99").code == 1
    neighbours = json.loads(lab.run("one", "ip", "-j", "neigh").checked())
    states = {one["dst"]: one["state"] for one in neighbours}
    assert states["10.0.0.99"] in (["FAILED"], ["INCOMPLETE"])


def test_jumbo_frames_pass_the_port_that_faces_the_balancer(raised: RaiseLab) -> None:
    lab = raised("""
switches: {wire: {}}
hosts:
  one:
    interfaces:
      eth0: {switch: wire, mac: "02:00:00:00:00:01", addresses: [10.0.0.1/24], mtu: 9000}
  lb:
    interfaces:
      eth0: {switch: wire, mac: "02:00:00:00:00:02", addresses: [10.0.0.2/24], mtu: 9000, xdp: true}
""")
    ping = ("ping", "-n", "-c", "1", "-W", "5", "-M", "do", "-s", "8972")
    lab.run("one", *ping, "10.0.0.2").checked()
    lab.run("lb", *ping, "10.0.0.1").checked()
