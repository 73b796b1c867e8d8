# SPDX-License-Identifier: BSD-2-Clause
"""A topology file is read whole: what it says, and every fault it has with its path."""

from __future__ import annotations

from ipaddress import ip_address, ip_interface, ip_network
from pathlib import Path

import pytest

from xdplb.errors import UsageError
from xdplb.lab.errors import TopologyError
from xdplb.lab.reading import find_topology, known_topologies, parse_topology
from xdplb.lab.topology import Interface, Route, Topology

SMALL = """
description: a host alone
switches: {wire: {}}
hosts:
  one:
    interfaces:
      veth0: {switch: wire, mac: "DE:AD:BE:EF:00:01", addresses: [10.0.0.1/24]}
"""

EVERYTHING = """
switches:
  left:
  right: {}
hosts:
  router:
    forward: true
    interfaces:
      in0: {switch: left, mac: "02:00:00:00:00:01", addresses: [10.0.0.1/24, "2001:db8::1/64"]}
      out0: {switch: right, mac: "02:00:00:00:00:02", addresses: [10.1.0.1/24], mtu: 1280}
  server:
    loopback: [192.0.2.1]
    routes: [{to: 10.0.0.0/24, via: 10.1.0.1}]
    servers: {http: 8080}
    interfaces:
      in0: {switch: right, mac: "02:00:00:00:00:03", addresses: [10.1.0.2/24], xdp: true}
"""


def faults_of(text: str) -> tuple[str, ...]:
    with pytest.raises(TopologyError) as caught:
        parse_topology(text, name="faulty", file="faulty.yaml")
    return caught.value.faults


def small_with(old: str, new: str) -> str:
    assert old in SMALL
    return SMALL.replace(old, new)


def parsed(text: str) -> Topology:
    return parse_topology(text, name="x")


def test_tutorial_has_the_addresses_and_macs_that_are_promised() -> None:
    hosts = {host.name: host.interfaces[0] for host in find_topology("tutorial").hosts}
    told = {name: (one.name, str(one.addresses[0]), one.mac) for name, one in hosts.items()}
    assert told == {
        "client": ("veth0", "10.0.0.1/24", "de:ad:be:ef:00:01"),
        "h2": ("veth0", "10.0.0.2/24", "de:ad:be:ef:00:02"),
        "h3": ("veth0", "10.0.0.3/24", "de:ad:be:ef:00:03"),
        "lb": ("veth6", "10.0.0.10/24", "de:ad:be:ef:00:10"),
    }
    assert hosts["lb"].xdp


def test_two_clients_is_the_tutorial_with_one_host_more() -> None:
    tutorial, two = find_topology("tutorial"), find_topology("two-clients")
    assert [host for host in two.hosts if host.name != "client2"] == list(tutorial.hosts)
    assert two.host("client2").addresses == (ip_address("10.0.0.4"),)


@pytest.mark.parametrize("name", sorted(known_topologies()))
def test_topology_file_has_its_addresses_in_the_table_at_its_top(name: str) -> None:
    table = "\n".join(
        line for line in known_topologies()[name].read_text().splitlines() if line.startswith("#")
    )
    table = table.replace("\n#            |", "")  # a row that goes on in the next line
    for host, interface, _ in find_topology(name).ports():
        rows = [row for row in table.splitlines() if f"  {host.name} " in row and "| " in row]
        wanted = (interface.name, *map(str, interface.addresses), interface.mac)
        assert any(set(wanted) <= set(row.split()) for row in rows), (host, rows)


def test_every_setting_of_the_format_is_read() -> None:
    topology = parsed(EVERYTHING)
    router, server = topology.hosts
    assert topology.switches == ("left", "right")
    assert router.forward
    assert router.interfaces[1].mtu_bytes == 1280
    assert router.addresses == tuple(map(ip_address, ("10.0.0.1", "2001:db8::1", "10.1.0.1")))
    assert server.loopback == (ip_address("192.0.2.1"),)
    assert server.routes == (Route(ip_network("10.0.0.0/24"), ip_address("10.1.0.1")),)
    assert server.servers == {"http": 8080}
    assert server.interfaces == (
        Interface("in0", "right", "02:00:00:00:00:03", (ip_interface("10.1.0.2/24"),), xdp=True),
    )


def test_second_interface_on_one_switch_gets_a_port_of_another_name() -> None:
    second = 'eth1: {switch: wire, mac: "02:00:00:00:00:09"}'
    ports = [port for _, _, port in parsed(SMALL + f"      {second}\n").ports()]
    assert ports == ["one", "one-2"]


VETH0 = "hosts.one.interfaces.veth0"
FAULTS = {
    f"{VETH0}.mac: is missing": small_with("mac:", "mca:"),
    f"{VETH0}.adresses: no such setting; did you mean addresses?": small_with("addr", "adr"),
    f"{VETH0}.mac: 9783973230 is not a MAC; put it in quotes": small_with(
        '"DE:AD:BE:EF:00:01"', "12:34:56:10:20:30"
    ),
    f"{VETH0}.mac: DF:AD:BE:EF:00:01 is a multicast MAC; an interface needs a unicast one": (
        small_with("DE:AD", "DF:AD")
    ),
    f"{VETH0}.addresses[0]: '10.0.0.1' is not an address with its network's length (10.0.0.1/24)": (
        small_with("10.0.0.1/24", "10.0.0.1")
    ),
    f"{VETH0}.switch: wier: no such switch; did you mean wire?": small_with("ch: wire", "ch: wier"),
    f"{VETH0}.mtu: 576 is too small for IPv6 (1280 or more)": small_with(
        "10.0.0.1/24]", "'2001:db8::1/64'], mtu: 576"
    ),
    "hosts.one.interfaces.a_name_too_long_: a_name_too_long_ has 16 characters, "
    "15 at most are possible": small_with("veth0:", "a_name_too_long_:"),
    "hosts.wire: a switch is called wire too; rename one of them": small_with("one:", "wire:"),
    "hosts.o/e: 'o/e' is not a name; use letters, digits, - and _": small_with("one:", "o/e:"),
    "hosts.one.servers: htp: no such server; there are: http, udp-echo": (
        SMALL + "    servers: {htp: 80}\n"
    ),
    "hosts.one.servers: 65536 is not a port (1 to 65535)": SMALL + "    servers: {http: 65536}\n",
    "hosts.one.servers: True is not a port (1 to 65535)": SMALL + "    servers: {http: true}\n",
    "hosts.one.routes[0]: 10.1.0.1 is in no network of one's interfaces": (
        SMALL + "    routes: [{to: 10.9.0.0/16, via: 10.1.0.1}]\n"
    ),
    "line 8, column 3: one stands twice": SMALL + "  one: {}\n",
    "hosts: there are none; a lab needs one or more": "hosts: {}\n",
    "['a list'] is not a mapping": "- a list\n",
    "nothing is not a mapping": "",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_is_told_with_its_path(fault: str) -> None:
    assert fault in faults_of(FAULTS[fault])


def test_mac_and_address_used_twice_name_who_has_them() -> None:
    twin = small_with("  one:", "  two:").partition("hosts:\n")[2]
    assert faults_of(SMALL + twin) == (
        "hosts.two.interfaces.veth0: MAC de:ad:be:ef:00:01 is hosts.one.interfaces.veth0's already",
        "hosts.two.interfaces.veth0: address 10.0.0.1 is hosts.one.interfaces.veth0's already",
    )


def test_all_faults_are_told_at_once_below_the_files_name() -> None:
    text = SMALL.replace("switch: wire", "switch: 7").replace("10.0.0.1/24", "x/24")
    with pytest.raises(TopologyError, match=r"faulty\.yaml: 2 faults") as caught:
        parse_topology(text, name="faulty", file="faulty.yaml")
    assert len(caught.value.faults) == 2
    assert str(caught.value).count("\n  hosts.one.interfaces.veth0.") == 2


def test_topology_that_is_not_known_is_a_wrong_use_and_names_the_near_one() -> None:
    with pytest.raises(
        UsageError, match="tutoral: no such topology; did you mean tutorial"
    ) as caught:
        find_topology("tutoral")
    assert caught.value.exit_code == 2


def test_topology_is_read_from_any_file_and_called_as_it(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(SMALL)
    assert find_topology(str(file)).name == "own"
    with pytest.raises(TopologyError, match="cannot be read: No such file"):
        find_topology(str(tmp_path / "absent.yaml"))
