# SPDX-License-Identifier: BSD-2-Clause
"""The program and its model side by side: each packet goes through both."""

import os
from collections import Counter as Tally
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from ipaddress import ip_address

from packet.balancer import BALANCER_MAC, Balancer, mac_bytes
from packet.model import Expected, Model
from packet.model_state import ModelService

from xdplb.bpf import PerCpuArrayMap, XdpAction, possible_cpus
from xdplb.model import Limits, Service
from xdplb.services import (
    Host,
    WantedBackend,
    add_service,
    backends_of,
    remove_service,
    set_backends,
    update_table,
)

MAC = mac_bytes(BALANCER_MAC)
NAT_ADDRESSES = {4: ip_address("10.0.0.10"), 6: ip_address("2001:db8::10")}
LIMITS = Limits(services=16, backends=64, connections=8192, table_size=13)
SEED = 7
ACTIONS = {"pass": XdpAction.PASS, "drop": XdpAction.DROP, "tx": XdpAction.TX}


class Twin:
    """A loaded balancer and the model of it, given the same services and packets."""

    def __init__(self, balancer: Balancer, nat_ports: range) -> None:
        self.balancer = balancer
        self.plane = balancer.plane
        self.nat_ports = nat_ports
        self.model = Model(MAC, SEED, nat_ports)
        self.expected: Tally[str] = Tally()
        self.packets = 0

    def start_anew(self) -> None:
        """Take away every service and connection and let all counters begin at nothing."""
        for number in self.plane.services():
            remove_service(self.plane, number)
        self.forget_connections()
        turns = self.balancer.object.map("service_turns")
        assert isinstance(turns, PerCpuArrayMap)
        for number in range(LIMITS.services):
            turns.update(number, (0,) * possible_cpus())
        for number in range(len(self.plane.verdicts()) + 1):
            self.plane.clear_counters("verdict_counters", number)
        self.plane.put_directory(self.plane.directory()._replace(hash_seed=SEED, flow_key=0x1234))
        self.model = Model(MAC, SEED, self.nat_ports)
        self.expected.clear()

    def forget_connections(self) -> None:
        self.plane.flush_connections()
        self.model.table.clear()

    # --- services -----------------------------------------------------------------------------

    def add_service(self, service: Service) -> int:
        nat_address = NAT_ADDRESSES[service.key.vip.version]
        wanted = [WantedBackend(backend) for backend in service.backends]
        number = add_service(self.plane, service, wanted, Host(nat_address))
        there = backends_of(self.plane, number)
        size = LIMITS.table_size
        mine = ModelService(number, service, nat_address.packed, there, size)
        mine.share_out()
        self.model.services[number] = mine
        return number

    def set_backends(self, number: int, wanted: Sequence[WantedBackend]) -> None:
        set_backends(self.plane, number, wanted)
        self.follow(number)

    def mark_backend(self, number: int, backend: int, *, up: bool, draining: bool) -> None:
        """Let a backend go down, drain or come back, and share its slots out anew."""
        record = backends_of(self.plane, number)[backend]
        self.plane.put_backend(backend, record._replace(up=up, draining=draining))
        update_table(self.plane, number, backends_of(self.plane, number))
        self.follow(number)

    def follow(self, number: int) -> None:
        mine = self.model.services[number]
        before, mine.backends = mine.backends, backends_of(self.plane, number)
        mine.share_out()
        self.model.forget(before.keys() - mine.backends.keys())

    # --- packets ------------------------------------------------------------------------------

    def run(self, frame: bytes) -> Expected:
        """Run a packet through both; what comes out must be the same to the byte."""
        result = self.balancer.program.test_run(frame)
        out = bytes(result.packet)
        expected = self.model.step(frame, out)
        action = ACTIONS[expected.verdict.partition("_")[0]]
        self.expected[expected.verdict] += 1
        self.packets += 1
        assert (XdpAction(result.action), out.hex()) == (action, expected.frame.hex()), (
            f"{expected.verdict} is expected of {frame.hex()}; verdicts: {self.balancer.verdicts()}"
        )
        return expected

    def check_verdicts(self) -> None:
        """Has every packet been counted, each under the verdict it should have?"""
        assert self.balancer.verdicts() == dict(self.expected)


@contextmanager
def open_twin(nat_ports: range = range(10240, 32768)) -> Iterator[Twin]:
    """Load the program; stay on one CPU meanwhile, since each has a round robin of its own."""
    cpus = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(cpus)})
    first, last = nat_ports[0], nat_ports[-1]
    try:
        with Balancer(LIMITS, nat_port_min=first, nat_port_max=last) as balancer:
            yield Twin(balancer, nat_ports)
    finally:
        os.sched_setaffinity(0, cpus)
