// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* What an outer header must know of the packet inside, noted before the head moves. */
#pragma once

struct inner {
	__u32 our_mac[2]; /* whom the frame was for */
	__u64 tags;
	__u64 link_bytes;
	__u32 hash;
	__u32 bytes;
	__u16 sum; /* of all its 16-bit words */
	__u8 tos;
	__u64 is_ipv6;
	__u64 has_sum;
	const struct backend *backend;
};

static __always_inline __u64 sum_address(const void *address)
{
	const __be32 *words = address;

	return (__u64)words[0] + words[1] + words[2] + words[3];
}

/* Returns the sum of all words of an IPv6 packet without reading its payload: a transport
 * checksum makes segment and pseudo header sum up to nothing, so that the first word and
 * the hop limit remain. Not where other headers stand between.
 */
static __always_inline __u16 sum_ipv6(const struct packet *pkt, const struct ipv6hdr *ip6)
{
	__u64 sum = *(__be32 *)ip6;

	sum += *(__u16 *)&ip6->nexthdr;
	sum += (__u16)~bpf_htons(pkt->protocol);
	return fold_checksum(sum);
}

/* As sum_ipv6(): the header sums up to nothing too, so that the pseudo header remains, which
 * ICMP does not have.
 */
static __always_inline __u16 sum_ipv4(const struct packet *pkt, const struct iphdr *ip)
{
	__u64 sum = (__u64)(__u32)~ip->saddr + (__u32)~ip->daddr;

	if (pkt->protocol == IPPROTO_ICMP)
		return 0;
	sum += (__u16)~bpf_htons(pkt->protocol);
	sum += (__u16)~bpf_htons(bpf_ntohs(ip->tot_len) - ip->ihl * 4);
	return fold_checksum(sum);
}

/* Does a checksum of its own cover all of the packet? Not in a datagram without one, and not
 * where the packet goes on behind its datagram.
 */
static __always_inline bool is_summed(const struct packet *pkt, __u32 header_bytes,
				      __u32 packet_bytes)
{
	struct udphdr *udp = HEADER_AT(udphdr, pkt, pkt->transport_offset);

	if (pkt->protocol != IPPROTO_UDP)
		return true;
	return udp && udp->check && bpf_ntohs(udp->len) + header_bytes == packet_bytes;
}

static __always_inline void note_link(const struct packet *pkt, struct inner *inner)
{
	__u64 *tags;

	copy_mac(inner->our_mac, pkt->ethernet->h_dest);
	inner->link_bytes = pkt->link_bytes;
	if (pkt->link_bytes == sizeof(struct ethhdr))
		return;
	/* One tag or two; there is an IP header behind them in any case. */
	tags = header_at(pkt, offsetof(struct ethhdr, h_proto), sizeof(*tags));
	if (tags)
		inner->tags = *tags;
}

static __always_inline void note_ipv6(const struct packet *pkt, struct inner *inner, bool wants_sum)
{
	struct ipv6hdr *ip6 = HEADER_AT(ipv6hdr, pkt, pkt->link_bytes);

	if (!ip6)
		return;
	inner->bytes = bpf_ntohs(ip6->payload_len) + sizeof(*ip6);
	inner->tos = bpf_ntohs(*(__be16 *)ip6) >> 4;
	if (!wants_sum)
		return;
	inner->has_sum =
		ip6->nexthdr == pkt->protocol && is_summed(pkt, sizeof(*ip6), inner->bytes);
	inner->sum = sum_ipv6(pkt, ip6);
}

static __always_inline void note_ipv4(const struct packet *pkt, struct inner *inner, bool wants_sum)
{
	struct iphdr *ip = HEADER_AT(iphdr, pkt, pkt->link_bytes);

	if (!ip)
		return;
	inner->bytes = bpf_ntohs(ip->tot_len);
	inner->tos = ip->tos;
	if (!wants_sum)
		return;
	inner->has_sum = is_summed(pkt, ip->ihl * 4, inner->bytes);
	inner->sum = sum_ipv4(pkt, ip);
}

/* Notes what the outer header needs of @pkt. */
static __always_inline void note_inner(const struct packet *pkt, struct inner *inner,
				       bool wants_sum)
{
	note_link(pkt, inner);
	inner->hash = pkt->hash;
	inner->backend = pkt->backend;
	inner->is_ipv6 = is_ipv6(pkt);
	if (is_ipv6(pkt))
		note_ipv6(pkt, inner, wants_sum);
	else
		note_ipv4(pkt, inner, wants_sum);
}
