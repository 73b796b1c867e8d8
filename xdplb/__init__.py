# SPDX-License-Identifier: BSD-2-Clause
"""A layer-4 load balancer in the Linux kernel, at XDP."""
