# SPDX-License-Identifier: BSD-2-Clause
"""``xdplb lab demo``: a balancer in the kernel and 200 HTTP requests, within seconds."""

from __future__ import annotations

from xdplb.bpf import network_namespace
from xdplb.cli.lab_view import LabView, next_commands
from xdplb.controller import attach
from xdplb.lab.errors import LabError
from xdplb.lab.lifecycle import standing_lab
from xdplb.lab.reading import find_topology
from xdplb.lab.record import LabRecord, load_records
from xdplb.lab.requests import Spread, send_on_new_connections, send_requests
from xdplb.lab.roles import Roles, roles_of
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
    roles = roles_of(topology)
    if roles is None:
        raise LabError(f"topology {TOPOLOGY}: lacks a client, a balancer or backends to show")
    requests = NEW_CONNECTIONS + KEPT_CONNECTIONS * REQUESTS_EACH
    view.title(f"xdplb lab demo: {requests} HTTP requests, balanced in the kernel")
    for other in load_records():
        if other.prefix != prefix:
            view.note(f"lab {other.name} is up and is left alone; the demo's is called {prefix}*")
    _draw(view, roles)
    with view.busy("at work"), standing_lab(topology, prefix, view.step):
        _balance(view, roles, prefix)
    view.step("detached, and the lab is gone: nothing of it is left")
    view.commands("try it yourself", [UP, *next_commands(LabRecord(topology))])


def _draw(view: LabView, roles: Roles) -> None:
    """Draw who asks whom."""
    client = f"{roles.client.name} {roles.client.addresses[0]}"
    backends = [f"{one.name} {one.addresses[0]}" for one in roles.backends]
    view.way(client, f"{roles.balancer.name} {roles.vip} (xdplb)", backends)


def _balance(view: LabView, roles: Roles, prefix: str) -> None:
    attached = _attach(roles, prefix)
    for warning in attached.warnings:
        view.note(warning)
    where = f"{roles.interface.name} of {prefix}{roles.balancer.name}"
    view.step(f"xdplb is attached to {where}, {attached.mode.value} XDP")
    url, asking = f"http://{roles.vip}/name", prefix + roles.client.name
    fresh = send_on_new_connections(asking, url, NEW_CONNECTIONS)
    kept = send_requests(asking, url, KEPT_CONNECTIONS, REQUESTS_EACH)
    view.step(f"{fresh.requests + kept.requests} requests sent from {asking}, all answered")
    _show(view, [host.name for host in roles.backends], fresh, kept)


def _attach(roles: Roles, prefix: str) -> Attached:
    """Do what ``xdplb attach IFACE BACKEND... --netns NAMESPACE`` does."""
    vip = parse_address(str(roles.vip))
    pattern = Service(ServiceKey(vip, ANY_PORT, Protocol.TCP))
    request = Request(roles.interface.name, parse_backends(roles.backend_addresses), pattern)
    with network_namespace(prefix + roles.balancer.name):
        return attach(request)


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
