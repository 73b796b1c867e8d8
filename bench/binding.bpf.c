// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Fills a ring buffer with events of 56 bytes, for bench/binding.py. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 16 << 20);
} events SEC(".maps");

struct event {
	__u64 time_ns;
	__u32 addresses[8];
	__u16 ports[4];
	__u32 number;
	__u32 verdict;
};

__u32 number;

SEC("xdp")
int tell(struct xdp_md *ctx)
{
	struct event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

	if (!event)
		return XDP_ABORTED;
	__builtin_memset(event, 0, sizeof(*event));
	event->number = number++;
	bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
