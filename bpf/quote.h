// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* ICMP errors: what they quote is a packet that went the other way. The packet is then taken for
 * one of the flow that the quoted packet was an answer to, and goes to whom it concerns.
 */
#pragma once

#define ICMP_ECHOREPLY 0
#define ICMP_DEST_UNREACH 3
#define ICMP_ECHO 8
#define ICMP_TIME_EXCEEDED 11
#define ICMP_PARAMETERPROB 12
#define ICMPV6_ERRORS 4 /* types 1 to 4: unreachable, too big, time exceeded, parameter */
#define ICMPV6_ECHO_REQUEST 128
#define ICMPV6_ECHO_REPLY 129

static __always_inline __u8 echo_request_type(const struct packet *pkt)
{
	return is_ipv6(pkt) ? ICMPV6_ECHO_REQUEST : ICMP_ECHO;
}

static __always_inline bool is_icmp_error(const struct packet *pkt, __u8 type)
{
	if (is_ipv6(pkt))
		return type >= 1 && type <= ICMPV6_ERRORS;
	return type == ICMP_DEST_UNREACH || type == ICMP_TIME_EXCEEDED ||
	       type == ICMP_PARAMETERPROB;
}

/* Reads the quoted IP header at pkt->quoted_offset. Returns how long it is, 0 if it is cut short or
 * nothing that we would have sent.
 */
static __always_inline __u32 read_quoted_ipv4(struct packet *pkt)
{
	struct iphdr *ip = HEADER_AT(iphdr, pkt, pkt->quoted_offset);

	if (!ip || ip->version != 4 || ip->ihl < 5 || ip->frag_off & bpf_htons(IP_OFFSET))
		return 0;
	pkt->protocol = ip->protocol;
	pkt->source = map_ipv4(ip->daddr);
	pkt->destination = map_ipv4(ip->saddr);
	return ip->ihl * 4;
}

static __always_inline __u32 read_quoted_ipv6(struct packet *pkt)
{
	struct ipv6hdr *ip6 = HEADER_AT(ipv6hdr, pkt, pkt->quoted_offset);

	if (!ip6 || ip6->version != 6)
		return 0;
	pkt->protocol = ip6->nexthdr;
	pkt->source = load_address(&ip6->daddr);
	pkt->destination = load_address(&ip6->saddr);
	return sizeof(*ip6);
}

/* Reads the ports of the quoted packet, of which eight bytes are there at least (RFC 792). */
static __always_inline bool read_quoted_ports(struct packet *pkt)
{
	struct udphdr *udp = HEADER_AT(udphdr, pkt, pkt->transport_offset);
	struct icmphdr *icmp = (void *)udp;

	if (!udp)
		return false;
	if (!is_echo(pkt)) {
		pkt->source_port = udp->dest;
		pkt->destination_port = udp->source;
	} else if (icmp->type == echo_request_type(pkt)) {
		pkt->destination_port = icmp->un.echo.id;
	} else {
		pkt->source_port = icmp->un.echo.id;
	}
	return true;
}

/* Fills in the flow that the ICMP error of IP @version at @offset of the frame is about; where
 * its parts are and what it says is noted. VERDICT_NEXT, or why it is none of ours.
 */
__noinline int read_quoted(struct xdp_md *ctx, __u32 version, __u32 offset)
{
	struct packet pkt = PACKET_OF(ctx);
	struct note *note = find_note();
	__u32 header_bytes;

	pkt.ethernet = find_bounds(&pkt);
	pkt.version = version;
	pkt.quoted_offset = offset + sizeof(struct icmphdr);
	header_bytes = is_ipv6(&pkt) ? read_quoted_ipv6(&pkt) : read_quoted_ipv4(&pkt);
	pkt.transport_offset = pkt.quoted_offset + header_bytes;
	if (!note || !header_bytes || !is_balanced_protocol(&pkt) || !read_quoted_ports(&pkt))
		return VERDICT_PASS_OTHER_PROTOCOL;
	note_flow(&pkt, note);
	note->transport_offset = pkt.transport_offset;
	note->quoted_offset = pkt.quoted_offset;
	return VERDICT_NEXT;
}

/* Takes the ICMP error @pkt for one of the flow that it is about. VERDICT_NEXT, or why not. */
static __always_inline enum verdict parse_quoted(struct packet *pkt)
{
	struct note *note = find_note();
	enum verdict verdict;

	verdict = read_quoted(pkt->ctx, pkt->version, pkt->transport_offset);
	if (verdict)
		return verdict;
	if (!note)
		return VERDICT_PASS_OTHER_PROTOCOL;
	recall_flow(pkt, note);
	pkt->transport_offset = note->transport_offset;
	pkt->quoted_offset = note->quoted_offset;
	return VERDICT_NEXT;
}
