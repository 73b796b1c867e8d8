// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Parsing: Ethernet, IPv4 with options, TCP and UDP. `header + 1 > data_end` is the
 * bounds check everywhere; whatever passes is in range for the later stages.
 */
#pragma once

#define ETH_P_IP 0x0800
#define IP_FRAGMENT 0x3fff /* more fragments, or an offset */

static __always_inline void *packet_end(const struct packet *pkt)
{
	return (void *)(long)pkt->ctx->data_end;
}

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

static __always_inline enum verdict parse_ethernet(struct packet *pkt)
{
	struct ethhdr *ethernet = (void *)(long)pkt->ctx->data;

	pkt->length_bytes = pkt->ctx->data_end - pkt->ctx->data;
	if ((void *)(ethernet + 1) > packet_end(pkt))
		return VERDICT_DROP_MALFORMED;
	if (is_for_other_host(ethernet))
		return VERDICT_PASS_OTHER_HOST;
	if (ethernet->h_proto != bpf_htons(ETH_P_IP))
		return VERDICT_PASS_OTHER_PROTOCOL;
	pkt->ethernet = ethernet;
	return VERDICT_NEXT;
}

static __always_inline enum verdict parse_ipv4(struct packet *pkt)
{
	struct iphdr *ip = (void *)(pkt->ethernet + 1);

	if ((void *)(ip + 1) > packet_end(pkt) || ip->version != 4 || ip->ihl < 5)
		return VERDICT_DROP_MALFORMED;
	/* Padding may follow the packet in its frame, but the packet may not be cut. */
	if (bpf_ntohs(ip->tot_len) > pkt->length_bytes - sizeof(struct ethhdr))
		return VERDICT_DROP_MALFORMED;
	if (ip->protocol != IPPROTO_TCP && ip->protocol != IPPROTO_UDP)
		return VERDICT_PASS_OTHER_PROTOCOL;
	if (ip->frag_off & bpf_htons(IP_FRAGMENT))
		return VERDICT_PASS_FRAGMENT;
	pkt->ip = ip;
	/* Both addresses in one store, as both ports below: the map's hash reads words,
	 * and a load that spans two stores has to wait for them.
	 */
	__builtin_memcpy(&pkt->flow.source, &ip->saddr, 8);
	pkt->flow.protocol = ip->protocol;
	return VERDICT_NEXT;
}

static __always_inline enum verdict parse_tcp(struct packet *pkt, void *header, __u32 room)
{
	struct tcphdr *tcp = header;

	if ((void *)(tcp + 1) > packet_end(pkt) || tcp->doff < 5 || room < tcp->doff * 4)
		return VERDICT_DROP_MALFORMED;
	pkt->tcp = tcp;
	pkt->is_tcp = true;
	__builtin_memcpy(&pkt->flow.source_port, &tcp->source, 4);
	return VERDICT_NEXT;
}

static __always_inline enum verdict parse_udp(struct packet *pkt, void *header, __u32 room)
{
	struct udphdr *udp = header;

	if ((void *)(udp + 1) > packet_end(pkt) || bpf_ntohs(udp->len) < sizeof(*udp) ||
	    room < bpf_ntohs(udp->len))
		return VERDICT_DROP_MALFORMED;
	pkt->udp = udp;
	__builtin_memcpy(&pkt->flow.source_port, &udp->source, 4);
	return VERDICT_NEXT;
}

static __always_inline enum verdict parse_transport(struct packet *pkt)
{
	__u32 header_bytes = pkt->ip->ihl * 4;
	__u32 total_bytes = bpf_ntohs(pkt->ip->tot_len);
	void *header = (void *)pkt->ip + header_bytes;

	if (total_bytes < header_bytes)
		return VERDICT_DROP_MALFORMED;
	if (pkt->flow.protocol == IPPROTO_TCP)
		return parse_tcp(pkt, header, total_bytes - header_bytes);
	return parse_udp(pkt, header, total_bytes - header_bytes);
}

/* Fills in @pkt's headers and flow. VERDICT_NEXT, or why the packet goes no further. */
static __always_inline enum verdict parse_packet(struct packet *pkt)
{
	enum verdict verdict;

	if ((verdict = parse_ethernet(pkt)))
		return verdict;
	if ((verdict = parse_ipv4(pkt)))
		return verdict;
	return parse_transport(pkt);
}
