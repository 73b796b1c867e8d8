// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* What the stages know of the packet they hand on. */
#pragma once

#define IPPROTO_ICMPV6 58 /* the kernel has it in an enum of its own */
#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10
#define OFFSET_MASK 0x3fff /* more than a frame holds */
#define ID_NONE 0xffffffffU

/* IPv4 as ::ffff:a.b.c.d. Worked on by halves, so that it stays in registers. */
union address {
	__be32 words[4];
	__u64 halves[2];
};

/* What a packet's addresses and ports are turned into. */
struct translation {
	union address source;
	union address destination;
	__be16 source_port;
	__be16 destination_port;
	const void *next_hop; /* its MAC; NULL: nothing is translated */
};

struct packet {
	struct xdp_md *ctx;
	void *end;
	struct ethhdr *ethernet;
	/* 64 bits each: the verifier forgets the values of narrower ones when they are spilled. */
	__u64 version; /* 4 or 6 */
	__u64 protocol; /* IPPROTO_*; that of the transport header */
	__u64 link_bytes; /* of the Ethernet header with its VLAN tags */
	__u64 transport_offset; /* of the transport header in the frame */
	__u64 quoted_offset; /* of the packet that an ICMP error quotes; else 0 */
	__u32 length_bytes; /* of the frame */
	__u32 ttl; /* or hop limit */

	union address source;
	union address destination;
	__be16 source_port; /* echo requests: the identifier, and 0 */
	__be16 destination_port;

	struct service *service;
	struct backend *backend;
	struct connection *connection; /* that of this direction, where it is remembered */
	__u32 service_id; /* ID_NONE while unknown, as the next */
	__u32 backend_id;
	__u32 hash; /* of the flow, once it was scheduled */

	__u32 tcp_flags; /* TCP_* */
	struct translation to; /* once it is known that the packet is translated */
	bool is_new; /* the packet opens a connection */
};

#define PACKET_OF(context)                                                                         \
	{                                                                                          \
		.ctx = (context), .service_id = ID_NONE, .backend_id = ID_NONE                     \
	}

/* Reads where the frame begins and ends: at first, and again after its head moved. Kept, since
 * the verifier forgets what data_end is when clang moves its load about.
 */
static __always_inline void *find_bounds(struct packet *pkt)
{
	pkt->end = (void *)(long)pkt->ctx->data_end;
	return (void *)(long)pkt->ctx->data;
}

/* Returns the header of @size bytes at @offset of the frame; NULL if the frame ends before. */
static __always_inline void *header_at(const struct packet *pkt, __u64 offset, __u32 size)
{
	void *header = (void *)pkt->ethernet + (offset & OFFSET_MASK);

	return header + size > pkt->end ? NULL : header;
}

#define HEADER_AT(type, pkt, offset) ((struct type *)header_at(pkt, offset, sizeof(struct type)))

/* Returns @value as a number the verifier knows nothing of: packets of all kinds then look alike
 * to it, and what comes behind is walked once. @unknown is any number read from the packet.
 */
static __always_inline __u64 forget(__u64 value, __u64 unknown)
{
	asm volatile("%0 ^= %1; %0 ^= %1" : "+r"(value) : "r"(unknown));
	return value;
}

static __always_inline bool is_ipv6(const struct packet *pkt)
{
	return pkt->version == 6;
}

static __always_inline bool is_tcp(const struct packet *pkt)
{
	return pkt->protocol == IPPROTO_TCP;
}

static __always_inline bool is_echo(const struct packet *pkt)
{
	return pkt->protocol == IPPROTO_ICMP || pkt->protocol == IPPROTO_ICMPV6;
}

static __always_inline union address map_ipv4(__be32 address)
{
	union address mapped = { .words = { 0, 0, bpf_htonl(0xffff), address } };

	return mapped;
}

static __always_inline union address load_address(const void *from)
{
	const __u64 *halves = from;
	union address address = { .halves = { halves[0], halves[1] } };

	return address;
}

static __always_inline bool is_same_address(union address a, union address b)
{
	return a.halves[1] == b.halves[1] && a.halves[0] == b.halves[0];
}

/* Six bytes in two moves; clang, which knows of no alignment, would make six. */
static __always_inline void copy_mac(void *to, const void *from)
{
	*(__u32 *)to = *(const __u32 *)from;
	*(__u16 *)(to + 4) = *(const __u16 *)(from + 4);
}

static __always_inline bool is_mac_known(const void *mac)
{
	return *(const __u32 *)mac | *(const __u16 *)(mac + 4);
}

/* Returns CLOCK_MONOTONIC: the exact clock costs 28 ns, the coarse one 10. */
static __always_inline __u64 read_clock(void)
{
	return has_coarse_clock ? bpf_ktime_get_coarse_ns() : bpf_ktime_get_ns();
}

static __always_inline bool opens_connection(const struct packet *pkt)
{
	return !is_tcp(pkt) || (pkt->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
}
