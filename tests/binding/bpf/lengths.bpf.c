// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Ring buffer records whose size is the packet's length, up to 64 bytes; some are discarded. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

__u64 lost;

const volatile __u64 wakeup_flags;

SEC("xdp")
int tell_length(struct xdp_md *ctx)
{
	static const __u8 record[64] = { 1, 2, 3 };
	__u32 length = (ctx->data_end - ctx->data) & 63;

	if (bpf_ringbuf_output(&events, (void *)record, length, wakeup_flags))
		lost++;
	return XDP_PASS;
}

SEC("xdp")
int discard(struct xdp_md *ctx)
{
	void *record = bpf_ringbuf_reserve(&events, 16, 0);

	if (record)
		bpf_ringbuf_discard(record, 0);
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
