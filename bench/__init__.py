# SPDX-License-Identifier: BSD-2-Clause
"""Benchmarks: nanoseconds per packet, and what the binding's calls cost."""
