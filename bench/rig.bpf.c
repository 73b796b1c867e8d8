// SPDX-License-Identifier: BSD-2-Clause
/* The rig: times an XDP program, unmodified, under BPF_PROG_TEST_RUN.
 *
 * The kernel gives each of the repeated runs the packet as the last one left it, so
 * a program that translates would see its own output from the second run on. Here
 * the entry program makes the frame new, gives it the next flow's source address and
 * only then tail-calls the program under test. What the entry costs is known from
 * running it before a program that only says XDP_TX.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

#define WORDS 10
#define IPV4_SOURCE 26
#define IPV4_PORTS 34
#define IPV6_SOURCE 34 /* its last four bytes */
#define LISTED_FLOWS (1 << 16)

/* Set anew before each measurement. */
struct {
	__u64 runs;
	__u64 flow_mask; /* flows - 1; a power of two */
	__u64 stride; /* odd: runs * stride visits each flow once, in shuffled order */
	__u32 fold_bits;
	__u32 frame_bytes;
	__u64 is_ipv6;
	__u64 is_listed; /* the flows are those of listed_flows */
	__u64 words[WORDS]; /* the frame's first bytes, in words at OFFSETS */
} rig;

/* Flow number → addresses and ports, for flows that only the program under test knows. */
struct listed_flow {
	__u64 addresses;
	__u32 ports;
	__u32 reserved;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, LISTED_FLOWS);
	__type(key, __u32);
	__type(value, struct listed_flow);
} listed_flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} under_test SEC(".maps");

/* No header field may lie across two stores: a load of it would wait for both. */
static const int offsets[WORDS] = { 0, 6, 14, 22, 30, 38, 46, 54, 62, 70 };

static __always_inline __u32 next_flow(void)
{
	__u64 flow = rig.runs * rig.stride & rig.flow_mask;

	return flow ^ flow >> (rig.fold_bits & 63);
}

static __always_inline int restore_frame(struct xdp_md *ctx)
{
	__u64 length = ctx->data_end - ctx->data;
	__u32 flow = next_flow();
	struct listed_flow *listed;
	void *frame;

	/* The verifier would see a packet pointer in 32-bit arithmetic. */
	asm volatile("" : "+r"(length));

	/* Also where nothing moved, so that the rig costs the same for every program. */
	if (bpf_xdp_adjust_head(ctx, (int)(length - rig.frame_bytes)))
		return -1;
	frame = (void *)(long)ctx->data;
	if (frame + 78 > (void *)(long)ctx->data_end)
		return -1;
#pragma unroll
	for (int i = 0; i < WORDS; i++)
		*(volatile __u64 *)(frame + offsets[i]) = *(volatile __u64 *)&rig.words[i];
	if (rig.is_listed) {
		listed = bpf_map_lookup_elem(&listed_flows, &flow);
		if (!listed)
			return -1;
		*(volatile __u64 *)(frame + IPV4_SOURCE) = listed->addresses;
		*(volatile __u32 *)(frame + IPV4_PORTS) = listed->ports;
	} else if (rig.is_ipv6) {
		*(volatile __u32 *)(frame + IPV6_SOURCE) = bpf_htonl(flow);
	} else {
		*(volatile __u32 *)(frame + IPV4_SOURCE) =
			bpf_htonl(0x0a000000 | (flow & 0xffffff));
	}
	/* Locked: nothing of the rig is left in flight when the program begins. */
	__sync_fetch_and_add(&rig.runs, 1);
	return 0;
}

SEC("xdp")
int enter(struct xdp_md *ctx)
{
	if (restore_frame(ctx))
		return XDP_ABORTED;
	bpf_tail_call_static(ctx, &under_test, 0);
	return XDP_ABORTED;
}

/* The floors: what doing nothing and what exchanging two MACs costs. */
SEC("xdp")
int floor_tx(struct xdp_md *ctx)
{
	return XDP_TX;
}

SEC("xdp")
int floor_swap(struct xdp_md *ctx)
{
	__u16 *mac = (void *)(long)ctx->data;

	if ((void *)(mac + 6) > (void *)(long)ctx->data_end)
		return XDP_DROP;
#pragma unroll
	for (int i = 0; i < 3; i++) {
		__u16 word = mac[i];

		mac[i] = mac[i + 3];
		mac[i + 3] = word;
	}
	return XDP_TX;
}

/* What any program that tunnels has to do: move the head, and write an outer header. */
SEC("xdp")
int floor_head(struct xdp_md *ctx)
{
	return bpf_xdp_adjust_head(ctx, -(int)sizeof(struct iphdr)) ? XDP_DROP : XDP_TX;
}

SEC("xdp")
int floor_ipip(struct xdp_md *ctx)
{
	struct ethhdr *inner = (void *)(long)ctx->data, *outer;
	__u64 macs, sum = 0;
	__u32 rest;
	__u16 *words;

	if ((void *)(inner + 1) > (void *)(long)ctx->data_end)
		return XDP_DROP;
	macs = *(__u64 *)inner;
	rest = *(__u32 *)((void *)inner + 8);
	if (bpf_xdp_adjust_head(ctx, -(int)sizeof(struct iphdr)))
		return XDP_DROP;
	outer = (void *)(long)ctx->data;
	words = (void *)(outer + 1);
	if ((void *)(words + 10) > (void *)(long)ctx->data_end)
		return XDP_DROP;
	*(__u64 *)outer = macs;
	*(__u32 *)((void *)outer + 8) = rest;
	outer->h_proto = bpf_htons(0x0800);
	words[0] = bpf_htons(0x4500);
	words[1] = bpf_htons(rig.frame_bytes - sizeof(*outer) + sizeof(struct iphdr));
	words[2] = 0;
	words[3] = bpf_htons(0x4000);
	words[4] = bpf_htons(64 << 8 | IPPROTO_IPIP);
	words[5] = 0;
	*(__u32 *)(words + 6) = bpf_htonl(0xac100001);
	*(__u32 *)(words + 8) = bpf_htonl(0x0ac90001);
#pragma unroll
	for (int i = 0; i < 10; i++)
		sum += words[i];
	sum = (sum & 0xffff) + (sum >> 16);
	words[5] = ~(sum + (sum >> 16));
	return XDP_TX;
}

char _license[] SEC("license") = "Dual BSD/GPL";
