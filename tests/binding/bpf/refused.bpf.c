// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* A program that the verifier refuses: it reads behind the packet's end without asking. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int innocent(struct xdp_md *ctx)
{
	return XDP_PASS;
}

SEC("xdp")
int reads_beyond(struct xdp_md *ctx)
{
	__u8 *data = (void *)(long)ctx->data;

	return data[13] == 8 ? XDP_PASS : XDP_DROP;	/* the refused line */
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
