// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* IPv4 with options, IPv6 with extension headers. `header + 1 > data_end` is the bounds
 * check everywhere; whatever passes is in range for the later stages.
 */
#pragma once

#define IP_FRAGMENT 0x3fff /* more fragments, or an offset */
#define IP_OFFSET 0x1fff
#define NEXTHDR_HOP 0
#define NEXTHDR_ROUTING 43
#define NEXTHDR_FRAGMENT 44
#define NEXTHDR_DEST 60
#define MOST_EXTENSIONS 4

struct ipv6_extension {
	__u8 nexthdr;
	__u8 hdrlen; /* in units of 8 bytes, without the first */
	__u8 type; /* of a routing header */
	__u8 segments_left;
};

static __always_inline bool is_balanced_protocol(const struct packet *pkt)
{
	return pkt->protocol == IPPROTO_TCP || pkt->protocol == IPPROTO_UDP ||
	       pkt->protocol == (is_ipv6(pkt) ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
}

/* Returns the bytes behind the IP header, in @room; VERDICT_NEXT, or why not. */
static __always_inline enum verdict parse_ipv4(struct packet *pkt, __u32 *room)
{
	struct iphdr *ip = HEADER_AT(iphdr, pkt, pkt->link_bytes);
	__u32 header_bytes;

	if (!ip || ip->version != 4 || ip->ihl < 5)
		return VERDICT_DROP_MALFORMED;
	header_bytes = ip->ihl * 4;
	/* The CPU guesses the usual length and goes on before it has read it; clang must not see
	 * that the two are one.
	 */
	if (header_bytes == sizeof(*ip))
		asm volatile("%0 = 20" : "=r"(header_bytes));
	/* Padding may follow the packet in its frame, but the packet may not be cut. */
	if (bpf_ntohs(ip->tot_len) > pkt->length_bytes - pkt->link_bytes ||
	    bpf_ntohs(ip->tot_len) < header_bytes)
		return VERDICT_DROP_MALFORMED;
	pkt->protocol = ip->protocol;
	if (!is_balanced_protocol(pkt))
		return VERDICT_PASS_OTHER_PROTOCOL;
	if (ip->frag_off & bpf_htons(IP_FRAGMENT))
		return VERDICT_PASS_FRAGMENT;
	pkt->source = map_ipv4(ip->saddr);
	pkt->destination = map_ipv4(ip->daddr);
	pkt->ttl = ip->ttl;
	pkt->transport_offset = pkt->link_bytes + header_bytes;
	*room = bpf_ntohs(ip->tot_len) - header_bytes;
	return VERDICT_NEXT;
}

/* Returns where the transport header is behind extension headers, with its protocol in the upper
 * 16 bits; 0 if it cannot be told. @start and @end are offsets in the frame. A function of its own,
 * since the verifier walks the loop for long.
 */
__noinline int find_transport(struct xdp_md *ctx, __u32 protocol, __u32 start, __u32 room)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u32 offset = start;

	for (int i = 0; i < MOST_EXTENSIONS; i++) {
		struct ipv6_extension *extension = data + (offset & OFFSET_MASK);
		__u32 bytes;

		if (protocol != NEXTHDR_HOP && protocol != NEXTHDR_DEST &&
		    protocol != NEXTHDR_ROUTING)
			break;
		if ((void *)(extension + 1) > end)
			return 0;
		bytes = (extension->hdrlen + 1) * 8;
		/* With segments left, the destination is not the one it is bound for. */
		if (protocol == NEXTHDR_ROUTING && extension->segments_left)
			return 0;
		protocol = extension->nexthdr;
		offset += bytes;
	}
	if (offset - start > room)
		return 0;
	return (protocol & 0xff) << 16 | (offset & OFFSET_MASK);
}

/* Steps over extension headers. */
static __always_inline void skip_extensions(struct packet *pkt, __u32 *room)
{
	__u32 start = pkt->link_bytes + sizeof(struct ipv6hdr);
	__u32 found = find_transport(pkt->ctx, pkt->protocol, start, *room);
	__u32 offset = found & OFFSET_MASK;

	if (!found)
		return;
	pkt->protocol = found >> 16;
	pkt->transport_offset = offset;
	*room -= offset - start;
}

static __always_inline enum verdict parse_ipv6(struct packet *pkt, __u32 *room)
{
	struct ipv6hdr *ip6 = HEADER_AT(ipv6hdr, pkt, pkt->link_bytes);

	if (!ip6 || ip6->version != 6)
		return VERDICT_DROP_MALFORMED;
	*room = bpf_ntohs(ip6->payload_len);
	if (*room > pkt->length_bytes - pkt->link_bytes - sizeof(*ip6))
		return VERDICT_DROP_MALFORMED;
	pkt->protocol = ip6->nexthdr;
	pkt->ttl = ip6->hop_limit;
	pkt->transport_offset = pkt->link_bytes + sizeof(*ip6);
	if (!is_balanced_protocol(pkt))
		skip_extensions(pkt, room);
	if (pkt->protocol == NEXTHDR_FRAGMENT)
		return VERDICT_PASS_FRAGMENT;
	if (!is_balanced_protocol(pkt))
		return VERDICT_PASS_OTHER_PROTOCOL;
	pkt->source = load_address(&ip6->saddr);
	pkt->destination = load_address(&ip6->daddr);
	return VERDICT_NEXT;
}
