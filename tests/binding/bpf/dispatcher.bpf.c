// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Stands in for libxdp's dispatcher, which is known by its name. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int xdp_dispatcher(struct xdp_md *ctx)
{
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
