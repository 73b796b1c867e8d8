// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Tunnels, modes ipip and gue: the packet leaves as it came, in an outer header to the
 * backend. The outer source varies with the flow, so that receivers with several queues
 * spread by it (RSS).
 */
#pragma once

#define OUTER_TTL 64
#define IP_DONT_FRAGMENT 0x4000
#define GUE_PORT 6080 /* variant 1 (draft-ietf-intarea-gue): the IP header follows at once */

static __always_inline bool is_ipv4(const __be32 *address)
{
	return !(address[0] | address[1] | (address[2] ^ bpf_htonl(0xffff)));
}

static __always_inline __u8 protocol_of_inner(const struct inner *inner)
{
	return inner->is_ipv6 ? IPPROTO_IPV6 : IPPROTO_IPIP;
}

static __always_inline void fill_outer_ipv4(struct iphdr *ip, const struct inner *inner,
					    __u8 protocol, __u32 bytes)
{
	__be16 first = bpf_htons(0x4500 | inner->tos);
	__be16 length = bpf_htons(sizeof(*ip) + bytes);
	__be32 source = bpf_htonl(tunnel_source_ipv4 | (inner->hash & 0xffff));
	__be32 destination = inner->backend->address[3];
	__u64 sum = (__u64)first + length + bpf_htons(IP_DONT_FRAGMENT);

	sum += (__u64)bpf_htons(OUTER_TTL << 8 | protocol) + source + destination;
	*(__be16 *)ip = first;
	ip->tot_len = length;
	ip->id = 0;
	ip->frag_off = bpf_htons(IP_DONT_FRAGMENT);
	ip->ttl = OUTER_TTL;
	ip->protocol = protocol;
	ip->check = ~fold_checksum(sum);
	ip->saddr = source;
	ip->daddr = destination;
}

static __always_inline void fill_outer_ipv6(struct ipv6hdr *ip6, const struct inner *inner,
					    __u8 protocol, __u32 bytes)
{
	__be32 *words = (void *)ip6;

	words[0] = bpf_htonl(0x60000000 | inner->tos << 20);
	ip6->payload_len = bpf_htons(bytes);
	ip6->nexthdr = protocol;
	ip6->hop_limit = OUTER_TTL;
	words[2] = bpf_htonl(tunnel_source_ipv6);
	words[3] = 0;
	words[4] = 0;
	words[5] = bpf_htonl(inner->hash);
	__builtin_memcpy(&words[6], inner->backend->address, 16);
}

static __always_inline void fill_outer_udp(struct udphdr *udp, const struct inner *inner)
{
	udp->source = bpf_htons(0xc000 | (inner->hash & 0x3fff));
	udp->dest = bpf_htons(GUE_PORT);
	udp->len = bpf_htons(sizeof(*udp) + inner->bytes);
	udp->check = 0;
}

/* UDP over IPv6 needs a checksum (RFC 8200, 8.1); over IPv4 the inner ones are enough. */
static __always_inline void sum_outer_udp(const struct ipv6hdr *ip6, struct udphdr *udp,
					  const struct inner *inner)
{
	__u64 sum = (__u64)bpf_htons(IPPROTO_UDP) + udp->len + udp->len + inner->sum;

	sum += sum_address(&ip6->saddr) + sum_address(&ip6->daddr);
	sum += (__u64)udp->source + udp->dest;
	udp->check = ~fold_checksum(sum);
	if (!udp->check)
		udp->check = 0xffff;
}

/* Puts an Ethernet header in front, from us to the backend, with the tags the frame came with
 * and the type of what it holds now.
 */
static __always_inline void restore_link(void *head, const struct inner *inner, __be16 type)
{
	struct ethhdr *ethernet = head;

	copy_mac(ethernet->h_dest, inner->backend->mac);
	copy_mac(ethernet->h_source, inner->our_mac);
	if (inner->link_bytes == sizeof(*ethernet)) {
		ethernet->h_proto = type;
		return;
	}
	*(__u64 *)&ethernet->h_proto = inner->tags;
	if (inner->link_bytes == sizeof(*ethernet) + 4)
		*(__be16 *)(head + sizeof(*ethernet) + 2) = type;
	else
		*(__be16 *)(head + sizeof(*ethernet) + 6) = type;
}

/* Moves the head of the packet by @outer_bytes and returns where it begins now; NULL if there
 * is no room. What is inside has 28 bytes at least, so that the longest link header and a UDP
 * header behind the outer one are in range, used or not.
 */
static __always_inline void *make_room(struct packet *pkt, __u32 outer_bytes)
{
	void *head;

	if (bpf_xdp_adjust_head(pkt->ctx, -(int)outer_bytes))
		return NULL;
	head = find_bounds(pkt);
	if (head + sizeof(struct ethhdr) + MOST_TAGS * 4 > pkt->end)
		return NULL;
	return head;
}

static __always_inline enum verdict wrap_in_ipv4(struct packet *pkt, const struct inner *inner,
						 bool has_udp)
{
	__u32 outer_bytes = sizeof(struct iphdr) + has_udp * sizeof(struct udphdr);
	void *head = make_room(pkt, outer_bytes);
	struct iphdr *ip;

	if (!head)
		return VERDICT_DROP_NO_HEADROOM;
	restore_link(head, inner, bpf_htons(ETH_P_IP));
	ip = head + inner->link_bytes;
	if ((void *)(ip + 1) + sizeof(struct udphdr) > pkt->end)
		return VERDICT_DROP_NO_HEADROOM;
	fill_outer_ipv4(ip, inner, has_udp ? IPPROTO_UDP : protocol_of_inner(inner),
			inner->bytes + outer_bytes - sizeof(*ip));
	if (has_udp)
		fill_outer_udp((void *)(ip + 1), inner);
	return VERDICT_NEXT;
}

static __always_inline enum verdict wrap_in_ipv6(struct packet *pkt, const struct inner *inner,
						 bool has_udp)
{
	__u32 outer_bytes = sizeof(struct ipv6hdr) + has_udp * sizeof(struct udphdr);
	struct ipv6hdr *ip6;
	void *head;

	if (has_udp && !inner->has_sum)
		return VERDICT_DROP_NO_CHECKSUM;
	head = make_room(pkt, outer_bytes);
	if (!head)
		return VERDICT_DROP_NO_HEADROOM;
	restore_link(head, inner, bpf_htons(ETH_P_IPV6));
	ip6 = head + inner->link_bytes;
	if ((void *)(ip6 + 1) + sizeof(struct udphdr) > pkt->end)
		return VERDICT_DROP_NO_HEADROOM;
	fill_outer_ipv6(ip6, inner, has_udp ? IPPROTO_UDP : protocol_of_inner(inner),
			inner->bytes + outer_bytes - sizeof(*ip6));
	if (has_udp) {
		fill_outer_udp((void *)(ip6 + 1), inner);
		sum_outer_udp(ip6, (void *)(ip6 + 1), inner);
	}
	return VERDICT_NEXT;
}

/* Sends @pkt inside an outer packet to its backend. VERDICT_NEXT, or why it cannot be. */
static __always_inline enum verdict encapsulate(struct packet *pkt, bool has_udp)
{
	struct inner inner = {};
	bool is_outer_ipv4 = is_ipv4(pkt->backend->address);

	note_inner(pkt, &inner, has_udp && !is_outer_ipv4);
	if (is_outer_ipv4)
		return wrap_in_ipv4(pkt, &inner, has_udp);
	return wrap_in_ipv6(pkt, &inner, has_udp);
}
