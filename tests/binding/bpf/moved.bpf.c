// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* The sample's flows with a member moved and one renamed, and other sizes of other maps. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct address {
	__be32 host;
	__u8 mac[6];
	__be16 port;
	char label[8];
};

struct counters {
	__u64 packets;
	__u64 octets;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, struct address);
	__type(value, struct counters);
} flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 32);
	__type(key, __u32);
	__type(value, __u32);
} recent SEC(".maps");

SEC("xdp")
int entry(struct xdp_md *ctx)
{
	struct address key = {};
	__u32 number = 0;

	if (bpf_map_lookup_elem(&flows, &key) || bpf_map_lookup_elem(&recent, &number))
		return XDP_DROP;
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
