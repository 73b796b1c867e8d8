# SPDX-License-Identifier: BSD-2-Clause
"""The lab: hosts as network namespaces, described by a topology file, raised and taken down.

``topology`` holds the types, ``reading`` makes them from YAML, ``lifecycle`` raises a lab and
takes it down again, ``servers`` is the program that answers in a lab's hosts.
Nothing is imported here: ``python -m xdplb.lab.servers`` passes through this file too.
"""
