// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* What the stages know of the packet they hand on. */
#pragma once

#define ID_NONE 0xffffffffU

struct packet {
	struct xdp_md *ctx;
	struct ethhdr *ethernet;
	struct iphdr *ip;
	union { /* by is_tcp: the verifier can't tell by a packet pointer being NULL */
		struct tcphdr *tcp;
		struct udphdr *udp;
	};
	__u64 is_tcp; /* 64 bits: the verifier forgets the values of narrower ones when spilled */
	__u32 length_bytes; /* of the frame */
	struct flow flow;

	struct service *service;
	struct backend *backend;
	struct connection *connection; /* that of this direction, where it is remembered */
	__u32 service_id; /* ID_NONE while unknown, as the next */
	__u32 backend_id;

	__u64 now_ns; /* 0 until somebody asked for the time */
	bool is_new; /* the packet opens a connection */
	bool is_last; /* the packet closes one */
};

/* Six bytes as three words of 16 bits, which is how they are aligned everywhere. */
static __always_inline void copy_mac(void *to, const void *from)
{
	__u16 *out = to;
	const __u16 *in = from;

	out[0] = in[0];
	out[1] = in[1];
	out[2] = in[2];
}

static __always_inline bool is_mac_known(const void *mac)
{
	const __u16 *words = mac;

	return words[0] | words[1] | words[2];
}

/* Returns CLOCK_MONOTONIC, read once a packet: the exact clock costs 28 ns, the
 * coarse one 2.
 */
static __always_inline __u64 read_clock(struct packet *pkt)
{
	if (!pkt->now_ns)
		pkt->now_ns = has_coarse_clock ? bpf_ktime_get_coarse_ns() : bpf_ktime_get_ns();
	return pkt->now_ns;
}

static __always_inline bool opens_connection(const struct packet *pkt)
{
	return !pkt->is_tcp || (pkt->tcp->syn && !pkt->tcp->ack);
}
