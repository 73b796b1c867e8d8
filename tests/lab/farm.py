# SPDX-License-Identifier: BSD-2-Clause
"""The tutorial's topology with a third backend: two hold connections while one comes or goes."""

FARM = """
description: one client, three backends and a balancer behind one bridge
switches: {switch: {}}
hosts:
  client:
    interfaces:
      veth0: {switch: switch, mac: "DE:AD:BE:EF:00:01", addresses: [10.0.0.1/24]}
  h2:
    interfaces:
      veth0: {switch: switch, mac: "DE:AD:BE:EF:00:02", addresses: [10.0.0.2/24]}
    servers: {http: 80, udp-echo: 7}
  h3:
    interfaces:
      veth0: {switch: switch, mac: "DE:AD:BE:EF:00:03", addresses: [10.0.0.3/24]}
    servers: {http: 80, udp-echo: 7}
  h4:
    interfaces:
      veth0: {switch: switch, mac: "DE:AD:BE:EF:00:04", addresses: [10.0.0.4/24]}
    servers: {http: 80, udp-echo: 7}
  lb:
    interfaces:
      veth6: {switch: switch, mac: "DE:AD:BE:EF:00:10", addresses: [10.0.0.10/24], xdp: true}
"""
