// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Ethernet, with up to two VLAN tags (802.1Q, QinQ), which leave as they came. */
#pragma once

#define ETH_P_IP 0x0800
#define ETH_P_IPV6 0x86dd
#define ETH_P_8021Q 0x8100
#define ETH_P_8021AD 0x88a8
#define MOST_TAGS 2

/* A bridge floods frames whose MAC it has not learnt, and in mode dsr those to the
 * backends carry the VIP: taken for ours they would go round and round.
 */
static __always_inline bool is_for_other_host(const struct ethhdr *ethernet)
{
	__u32 wanted_high = *(const volatile __u32 *)interface_mac;
	__u16 wanted_low = *(const volatile __u16 *)(interface_mac + 4);

	if (!wanted_high && !wanted_low)
		return false;
	return *(__u32 *)ethernet->h_dest != wanted_high ||
	       *(__u16 *)(ethernet->h_dest + 4) != wanted_low;
}

static __always_inline bool is_vlan_tag(__be16 type)
{
	return type == bpf_htons(ETH_P_8021Q) || type == bpf_htons(ETH_P_8021AD);
}

/* Steps over the tags; @type is that of what follows then. False if a tag is cut short. */
static __always_inline bool skip_tags(struct packet *pkt, __be16 *type)
{
#pragma unroll
	for (int i = 0; i < MOST_TAGS; i++) {
		struct vlan_hdr *tag;

		if (!is_vlan_tag(*type))
			break;
		tag = HEADER_AT(vlan_hdr, pkt, pkt->link_bytes);
		if (!tag)
			return false;
		*type = tag->h_vlan_encapsulated_proto;
		pkt->link_bytes += sizeof(*tag);
	}
	return true;
}

/* Finds what the frame holds. VERDICT_NEXT, or why it is not ours. */
static __always_inline enum verdict parse_ethernet(struct packet *pkt)
{
	struct ethhdr *ethernet = find_bounds(pkt);
	__be16 type;

	pkt->length_bytes = pkt->end - (void *)ethernet;
	pkt->link_bytes = sizeof(*ethernet);
	if ((void *)(ethernet + 1) > pkt->end)
		return VERDICT_DROP_MALFORMED;
	if (is_for_other_host(ethernet))
		return VERDICT_PASS_OTHER_HOST;
	pkt->ethernet = ethernet;
	type = ethernet->h_proto;
	if (!skip_tags(pkt, &type))
		return VERDICT_DROP_MALFORMED;
	if (type != bpf_htons(ETH_P_IP) && type != bpf_htons(ETH_P_IPV6))
		return VERDICT_PASS_OTHER_PROTOCOL;
	pkt->version = type == bpf_htons(ETH_P_IPV6) ? 6 : 4;
	pkt->link_bytes = forget(pkt->link_bytes, pkt->length_bytes) & 31;
	return VERDICT_NEXT;
}

/* Addresses the frame to @next_hop, from this interface. */
static __always_inline void rewrite_ethernet(struct ethhdr *ethernet, const void *next_hop)
{
	copy_mac(ethernet->h_source, ethernet->h_dest);
	copy_mac(ethernet->h_dest, next_hop);
}
