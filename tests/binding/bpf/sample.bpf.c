// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* One map of each kind, constants, globals and an event, for the tests of the binding. */
#include <stdbool.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct address {
	__be32 host;
	__be16 port;
	__u8 mac[6];
	char label[8];
};

struct counters {
	__u64 packets;
	__u64 bytes;
};

struct event {
	__u64 time_ns;
	__u32 length;
	__u32 number;
};

struct event *unused_event __attribute__((unused));

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, __u64);
} slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, struct address);
	__type(value, struct counters);
} flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u64);
} recent SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, struct counters);
} verdicts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 * 1024);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 4);
	__type(key, __u32);
	__array(values, struct {
		__uint(type, BPF_MAP_TYPE_ARRAY);
		__uint(max_entries, 16);
		__type(key, __u32);
		__type(value, __u64);
	});
} tables SEC(".maps");

const volatile __u32 answer = XDP_PASS;
const volatile struct address home;
const volatile __u16 ports[4];
const volatile bool tells;

__u64 seen;
__u32 step = 1;

SEC("xdp")
int count(struct xdp_md *ctx)
{
	__u32 length = ctx->data_end - ctx->data, index = 0;
	struct counters *verdict = bpf_map_lookup_elem(&verdicts, &index);
	struct event *event;

	if (verdict) {
		verdict->packets++;
		verdict->bytes += length;
	}
	seen += step;
	if (!tells)
		return answer;
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event)
		return XDP_ABORTED;
	event->time_ns = bpf_ktime_get_ns();
	event->length = length;
	event->number = seen;
	bpf_ringbuf_submit(event, 0);
	return answer;
}

SEC("xdp")
int bounce(struct xdp_md *ctx)
{
	return XDP_TX;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
