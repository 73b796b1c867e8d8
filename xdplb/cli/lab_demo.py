# SPDX-License-Identifier: BSD-2-Clause
"""``xdplb lab demo``: a balancer in the kernel and 200 HTTP requests, within seconds."""

from __future__ import annotations

from xdplb.bpf import network_namespace
from xdplb.cli.lab_view import LabView, next_commands, roles_of
from xdplb.controller import attach
from xdplb.lab.errors import LabError
from xdplb.lab.lifecycle import standing_lab
from xdplb.lab.reading import find_topology
from xdplb.lab.record import LabRecord, load_records
from xdplb.lab.requests import Spread, send_on_new_connections, send_requests
from xdplb.lab.topology import Host, Interface
from xdplb.model import ANY_PORT, Protocol, Service, ServiceKey
from xdplb.parse import parse_address, parse_backends
from xdplb.request import Attached, Request

TOPOLOGY = "tutorial"
UP = ("xdplb lab up", "raise a lab that stays")
NEW_CONNECTIONS = 100
KEPT_CONNECTIONS = 10
REQUESTS_EACH = 10


def run_demo(view: LabView, prefix: str) -> None:
    """Raise a lab, attach, ask, show who answered, and take everything down again.

    :raises LabError: if a step fails; nothing is left then either
    """
    topology = find_topology(TOPOLOGY)
    requests = NEW_CONNECTIONS + KEPT_CONNECTIONS * REQUESTS_EACH
    view.title(f"xdplb lab demo: {requests} HTTP requests, balanced in the kernel")
    for other in load_records():
        if other.prefix != prefix:
            view.note(f"lab {other.name} is up and is left alone; the demo's is called {prefix}*")
    with view.busy("at work"), standing_lab(topology, prefix, view.step) as record:
        _balance(view, record)
    view.step("detached, and the lab is gone: nothing of it is left")
    view.commands("try it yourself", [UP, *next_commands(LabRecord(topology))])


def _balance(view: LabView, record: LabRecord) -> None:
    balancer, client, backends = roles_of(record.topology)
    if balancer is None or client is None or not backends:
        raise LabError(f"lab {record.name}: has no client, balancer and backends to demonstrate")
    host, interface = balancer
    attached = _attach(record.prefix + host.name, interface, backends)
    for warning in attached.warnings:
        view.note(warning)
    vip, arrow = interface.addresses[0].ip, f" {view.arrow} "
    ways = arrow.join((str(vip), ", ".join(str(one.addresses[0]) for one in backends)))
    how = attached.mode.value
    view.step(f"xdplb is on {interface.name} of {record.prefix}{host.name}, {how} XDP: {ways}")
    url, asking = f"http://{vip}/name", record.prefix + client.name
    fresh = send_on_new_connections(asking, url, NEW_CONNECTIONS)
    kept = send_requests(asking, url, KEPT_CONNECTIONS, REQUESTS_EACH)
    view.step(f"{fresh.requests + kept.requests} requests sent from {asking}, all answered")
    _show(view, [host.name for host in backends], fresh, kept)


def _attach(namespace: str, interface: Interface, backends: list[Host]) -> Attached:
    """Do what ``xdplb attach IFACE BACKEND... --netns NAMESPACE`` does."""
    wanted = parse_backends([str(one.addresses[0]) for one in backends])
    vip = parse_address(str(interface.addresses[0].ip))
    pattern = Service(ServiceKey(vip, ANY_PORT, Protocol.TCP))
    with network_namespace(namespace):
        return attach(Request(interface.name, wanted, pattern))


def _show(view: LabView, hosts: list[str], fresh: Spread, kept: Spread) -> None:
    """Print the spread; a backend that got nothing has a bar too, an empty one."""
    if kept.strays:
        raise LabError(f"{kept.strays} of {kept.connections} connections changed their backend")
    silent = dict.fromkeys(hosts, 0)
    lead = f"{fresh.requests} requests on {fresh.connections} connections"
    view.bars(lead, {**silent, **fresh.answers})
    lead = f"{kept.requests} requests on {kept.connections} kept connections"
    view.bars(f"{lead}, each of which stayed with its backend", {**silent, **kept.answers})
    view.blank()
