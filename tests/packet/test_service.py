# SPDX-License-Identifier: BSD-2-Clause
"""Which service a packet is for, and who gets it."""

import socket
from contextlib import closing

from packet.balancer import BACKENDS, Balancer, answer_to, client_tcp, client_udp, want
from scapy.layers.inet import IP, TCP

from xdplb.bpf import XdpAction
from xdplb.model import Limits, Mode, Protocol
from xdplb.services import remove_service, sweep


def test_any_port_service_takes_every_port_of_its_protocol(empty_lb: Balancer) -> None:
    empty_lb.add_service(port=0)
    for port in (1, 80, 443, 65535):
        assert empty_lb.run(client_tcp(dport=port)).packet[TCP].dport == port
    assert empty_lb.run(client_udp(dport=80)).action is XdpAction.PASS


def test_service_of_a_port_goes_before_that_of_any_port(empty_lb: Balancer) -> None:
    empty_lb.add_service(["10.0.0.2"], port=0)
    empty_lb.add_service(["10.0.0.3"], port=80)
    assert empty_lb.run(client_tcp(dport=80)).packet[IP].dst == "10.0.0.3"
    assert empty_lb.run(client_tcp(dport=81)).packet[IP].dst == "10.0.0.2"


def test_every_service_of_a_full_table_is_found() -> None:
    """Cuckoo hashing moves services about; none may be lost on the way."""
    limits = Limits(services=64, backends=64, connections=1024, table_size=11)
    with Balancer(limits) as lb:
        for number in range(64):
            lb.add_service([f"10.3.0.{number + 1}"], vip=f"10.2.0.{number + 1}", port=number + 1)
        for number in range(64):
            packet = client_tcp(destination=f"10.2.0.{number + 1}", dport=number + 1)
            assert lb.run(packet).packet[IP].dst == f"10.3.0.{number + 1}"


def test_service_without_backends_drops(empty_lb: Balancer) -> None:
    """A pass would have the host's stack answer with a reset."""
    empty_lb.add_service([])
    assert empty_lb.run(client_tcp()).action is XdpAction.DROP
    assert empty_lb.verdicts() == {"drop_no_backend": 1}


def test_backend_whose_mac_is_unknown_is_sent_nothing(empty_lb: Balancer) -> None:
    empty_lb.add_service([want("10.0.0.2", mac="000000000000")])
    assert empty_lb.run(client_tcp()).action is XdpAction.DROP
    assert empty_lb.verdicts() == {"drop_no_neighbour": 1}


def test_removed_service_passes_to_the_host(empty_lb: Balancer) -> None:
    number = empty_lb.add_service()
    empty_lb.run(client_tcp())
    remove_service(empty_lb.plane, number)
    assert empty_lb.run(client_tcp("A")).action is XdpAction.PASS
    assert empty_lb.plane.services() == {}
    assert empty_lb.plane.backends() == {}


def test_filter_that_a_killed_writer_left_behind_is_derived_anew(empty_lb: Balancer) -> None:
    """Both what it lacks and what it has too much of, the number of indexed backends too."""
    empty_lb.add_service(port=0, mode=Mode.DNAT)
    plane = empty_lb.plane
    right = plane.directory()
    for wrong in ((0,) * len(right.vip_filter), (2**64 - 1,) * len(right.vip_filter)):
        plane.put_directory(right._replace(vip_filter=wrong, dnat_backends=0))
        sweep(plane)
        assert plane.directory() == right
    plane.put_directory(right._replace(vip_filter=(0,) * len(right.vip_filter)))
    assert empty_lb.run(client_tcp()).action is XdpAction.PASS
    sweep(plane)
    assert empty_lb.run(client_tcp()).action is XdpAction.TX


def test_weights_share_out_new_connections(empty_lb: Balancer) -> None:
    empty_lb.add_service([want("10.0.0.2", weight=3), want("10.0.0.3", weight=1)])
    sent = [empty_lb.run(client_tcp(sport=port)).packet[IP].dst for port in range(30000, 30800)]
    assert 520 <= sent.count("10.0.0.2") <= 680


def test_counters_add_up(lb: Balancer) -> None:
    """Packets and bytes of both ways, connections once; per verdict, service and backend."""
    frames = []
    for port in range(40000, 40010):
        there = lb.run(client_tcp(sport=port))
        back = lb.run(answer_to(there.packet))
        frames += [there.frame, back.frame]
    service = lb.plane.service_counters([0])[0]
    backends = lb.plane.backend_counters(lb.plane.backends())
    assert (service.packets, service.new_connections) == (20, 10)
    assert service.bytes == sum(map(len, frames))
    assert sum(c.packets for c in backends.values()) == 20
    assert sum(c.new_connections for c in backends.values()) == 10
    assert lb.verdicts() == {"tx_nat": 10, "tx_reply": 10}


def test_reply_to_the_hosts_own_connection_passes(empty_lb: Balancer) -> None:
    """An any-port service on the host's own address would swallow it."""
    # TEST_RUN looks sockets up in the caller's network namespace: a datagram socket that is
    # bound on loopback is enough to be found, and nothing is sent.
    empty_lb.add_service(
        vip="127.0.0.1", port=0, protocol=Protocol.UDP, nat_address="127.0.0.1", shares_host=True
    )
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as own:
        own.bind(("127.0.0.1", 0))
        port = own.getsockname()[1]
        assert 32768 <= port <= 60999
        reply = client_udp(destination="127.0.0.1", sport=53, dport=port)
        assert empty_lb.run(reply).action is XdpAction.PASS
    assert empty_lb.run(reply).packet[IP].dst in BACKENDS
    assert empty_lb.verdicts() == {"pass_local_socket": 1, "tx_nat": 1}
