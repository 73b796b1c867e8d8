// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* TCP, UDP and ICMP echo: where a flow's ports are, or what stands for them. */
#pragma once

/* Both ports in one load and one store. */
static __always_inline void load_ports(struct packet *pkt, const void *transport)
{
	__builtin_memcpy(&pkt->source_port, transport, 4);
}

static __always_inline enum verdict parse_tcp(struct packet *pkt, __u32 room)
{
	struct tcphdr *tcp = HEADER_AT(tcphdr, pkt, pkt->transport_offset);

	if (!tcp || tcp->doff < 5 || room < tcp->doff * 4)
		return VERDICT_DROP_MALFORMED;
	load_ports(pkt, tcp);
	pkt->tcp_flags = ((__u8 *)tcp)[13];
	return VERDICT_NEXT;
}

static __always_inline enum verdict parse_udp(struct packet *pkt, __u32 room)
{
	struct udphdr *udp = HEADER_AT(udphdr, pkt, pkt->transport_offset);

	if (!udp || bpf_ntohs(udp->len) < sizeof(*udp) || room < bpf_ntohs(udp->len))
		return VERDICT_DROP_MALFORMED;
	load_ports(pkt, udp);
	return VERDICT_NEXT;
}

/* An echo's identifier takes the place of the asker's port; the other one is 0. */
static __always_inline enum verdict parse_icmp(struct packet *pkt, __u32 room)
{
	struct icmphdr *icmp = HEADER_AT(icmphdr, pkt, pkt->transport_offset);

	if (!icmp || room < sizeof(*icmp))
		return VERDICT_DROP_MALFORMED;
	if (icmp->type == echo_request_type(pkt))
		pkt->source_port = icmp->un.echo.id;
	else if (icmp->type == (is_ipv6(pkt) ? ICMPV6_ECHO_REPLY : ICMP_ECHOREPLY))
		pkt->destination_port = icmp->un.echo.id;
	else if (is_icmp_error(pkt, icmp->type))
		return parse_quoted(pkt);
	else
		return VERDICT_PASS_OTHER_PROTOCOL;
	return VERDICT_NEXT;
}

static __always_inline enum verdict parse_transport(struct packet *pkt, __u32 room)
{
	if (pkt->protocol == IPPROTO_TCP)
		return parse_tcp(pkt, room);
	if (pkt->protocol == IPPROTO_UDP)
		return parse_udp(pkt, room);
	return parse_icmp(pkt, room);
}

/* Fills in @pkt's headers, addresses and ports. VERDICT_NEXT, or why it goes no further. */
static __always_inline enum verdict parse_packet(struct packet *pkt)
{
	enum verdict verdict;
	__u32 room, unknown;

	if ((verdict = parse_ethernet(pkt)))
		return verdict;
	unknown = pkt->length_bytes;
	if ((verdict = is_ipv6(pkt) ? parse_ipv6(pkt, &room) : parse_ipv4(pkt, &room)))
		return verdict;
	if ((verdict = parse_transport(pkt, room)))
		return verdict;
	pkt->version = forget(pkt->version, unknown);
	pkt->tcp_flags = forget(pkt->tcp_flags, unknown);
	pkt->source_port = forget(pkt->source_port, unknown);
	pkt->destination_port = forget(pkt->destination_port, unknown);
	pkt->protocol = forget(pkt->protocol, unknown);
	pkt->transport_offset = forget(pkt->transport_offset, unknown);
	pkt->quoted_offset = forget(pkt->quoted_offset, unknown);
	return VERDICT_NEXT;
}
