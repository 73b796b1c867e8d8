# SPDX-License-Identifier: BSD-2-Clause
"""From a topology to kernel objects: bridges, veth pairs, addresses, routes, and what veth needs.

Whatever is made stands inside the lab's own namespaces, both ends of every veth pair included.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pyroute2 import Ethtool, IPRoute
from pyroute2.netlink.exceptions import NetlinkError

from xdplb.bpf import Program, XdpMode, attach_xdp_netlink, network_namespace
from xdplb.lab.errors import LabError
from xdplb.lab.topology import BRIDGE, Host, Interface, Topology

SYSCTL = Path("/proc/sys/net")
# mov r0, XDP_PASS; exit
XDP_PASS = bytes.fromhex("b700000002000000") + bytes.fromhex("9500000000000000")
# Above it veth wants programs that take a frame in several buffers; Linux has those since 5.18.
LARGEST_MTU_IN_ONE_BUFFER = 3498


def set_up_switch(namespace: str) -> None:
    """Make the bridge of a switch.

    :raises LabError: if the kernel refuses
    """
    with network_namespace(namespace):
        # A switch has no address; without IPv6 it doesn't mutter multicast either.
        write_settings({"ipv6/conf/all/disable_ipv6": 1, "ipv6/conf/default/disable_ipv6": 1})
        with _links(f"switch {namespace}") as links:
            # Forwarding starts at once: without STP there is nothing to listen and learn for.
            links.link(
                "add", ifname=BRIDGE, kind="bridge", br_stp_state=0, br_forward_delay=0, state="up"
            )


def set_up_host(host: Host, namespace: str) -> None:
    """Make the settings of a host, before it has interfaces that would take them on."""
    with network_namespace(namespace):
        write_settings(host_settings(host))


def host_settings(host: Host) -> dict[str, int]:
    """Return what below /proc/sys/net makes a namespace a host of the lab.

    A new namespace takes over the IPv4 settings of the machine, which may forward (container
    engines ask for it) or filter by reverse path (distributions do), so nothing is left to chance.
    """
    settings = {
        "ipv4/ip_forward": int(host.forward),
        "ipv6/conf/all/forwarding": int(host.forward),
    }
    has_ipv6 = any(address.version == 6 for address in (*host.addresses, *host.loopback))
    for scope in ("all", "default"):
        settings[f"ipv4/conf/{scope}/rp_filter"] = 0
        settings[f"ipv4/conf/{scope}/send_redirects"] = 0
        # An address on lo is not told to the neighbours: it is the balancer's to them.
        settings[f"ipv4/conf/{scope}/arp_ignore"] = 1 if host.loopback else 0
        settings[f"ipv4/conf/{scope}/arp_announce"] = 2 if host.loopback else 0
        settings[f"ipv6/conf/{scope}/disable_ipv6"] = int(not has_ipv6)
        # Nobody else is here: duplicate address detection would take a second for nothing.
        settings[f"ipv6/conf/{scope}/accept_dad"] = 0
        settings[f"ipv6/conf/{scope}/accept_ra"] = 0
    return settings


def plug_in(interface: Interface, port: str, host_namespace: str, switch_namespace: str) -> None:
    """Make the veth pair of *interface*: one end the host's, the other *port* of the switch.

    :raises LabError: if the kernel refuses
    """
    where = f"{host_namespace}: {interface.name}"
    with (
        open(f"/run/netns/{switch_namespace}") as switch,
        network_namespace(host_namespace),
        _links(where) as links,
    ):
        links.link(
            "add",
            ifname=interface.name,
            kind="veth",
            address=interface.mac,
            mtu=interface.mtu_bytes,
            peer={"ifname": port, "net_ns_fd": switch.fileno(), "mtu": interface.mtu_bytes},
        )
        index = links.link_lookup(ifname=interface.name)[0]
        for address in interface.addresses:
            length = address.network.prefixlen
            links.addr("add", index=index, address=str(address.ip), prefixlen=length)
        links.link("set", index=index, state="up")
    _set_up_port(interface, port, switch_namespace)


def _set_up_port(interface: Interface, port: str, namespace: str) -> None:
    with network_namespace(namespace):
        with _links(f"{namespace}: {port}") as links:
            index = links.link_lookup(ifname=port)[0]
            bridge = links.link_lookup(ifname=BRIDGE)[0]
            links.link("set", index=index, master=bridge, state="up")
        if interface.xdp:
            receive_from_xdp(port, interface.mtu_bytes)


def receive_from_xdp(port: str, mtu_bytes: int) -> None:
    """Make *port*, here in this namespace, take the frames that XDP at its peer sends back.

    Linux hands such frames over only while there is a program at the receiving end too (without
    one they wait in a ring that nobody empties, and no counter tells), and it doesn't compute the
    checksums that a sender on this machine left to the device, so *port* must have them computed.
    Receive offload joins what was cut up for XDP again: three times the throughput.

    :raises LabError: if the kernel refuses
    """
    with Ethtool() as ethtool:
        offloads = ethtool.get_features(port)
        offloads.features["tx-checksum-ip-generic"].enable = False
        offloads.features["rx-gro"].enable = True
        ethtool.set_features(port, offloads)
    several_buffers = mtu_bytes > LARGEST_MTU_IN_ONE_BUFFER
    with Program.from_instructions(XDP_PASS, name="lab_pass", frags=several_buffers) as program:
        # By netlink, not as a link: it stays when this process ends and goes with the port.
        attach_xdp_netlink(program, port, mode=XdpMode.NATIVE)


def finish_host(host: Host, namespace: str) -> None:
    """Add what needs the interfaces up: addresses on ``lo`` and routes.

    :raises LabError: if the kernel refuses
    """
    with network_namespace(namespace), _links(namespace) as links:
        loopback = links.link_lookup(ifname="lo")[0]
        for address in host.loopback:
            links.addr("add", index=loopback, address=str(address), prefixlen=address.max_prefixlen)
        for route in host.routes:
            links.route("add", dst=str(route.to), gateway=str(route.via))


def unplug_all(topology: Topology, switch: str, namespace: str) -> None:
    """Delete the ports of *switch* and with them the veth pairs and what is attached there.

    Done by hand because a namespace's own clean-up runs later, on a thread of the kernel.
    """
    mine = {port for _, interface, port in topology.ports() if interface.switch == switch}
    with network_namespace(namespace), _links(namespace) as links:
        for link in links.get_links():
            if link.get("ifname") in mine:
                links.link("del", index=link["index"])


def write_settings(settings: dict[str, int]) -> None:
    """Write *settings* below /proc/sys/net, of the calling thread's namespace.

    What this kernel doesn't have (IPv6 may be switched off) is left out.
    """
    for name, value in settings.items():
        file = SYSCTL / name
        if file.exists():
            file.write_text(f"{value}\n")


@contextmanager
def _links(where: str) -> Iterator[IPRoute]:
    """Open netlink; a refusal of the kernel becomes a :class:`LabError` that says where."""
    with IPRoute() as links:
        try:
            yield links
        except NetlinkError as reason:
            raise LabError(f"{where}: the kernel refuses: {reason.args[-1]}") from reason
