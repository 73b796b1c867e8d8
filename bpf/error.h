// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Translating ICMP errors: the packet that is quoted went the other way, so what becomes of this
 * packet's flow is turned round in it. With it the error reaches client or backend, and both
 * learn of a smaller MTU on the way.
 */
#pragma once

static __always_inline bool is_error(const struct packet *pkt)
{
	return pkt->quoted_offset;
}

/* Rewrites one of the quoted ports, or the identifier of an echo, and the checksum behind it where
 * eight bytes of the header hold it. Returns the change to the ICMP checksum.
 */
static __always_inline __u64 rewrite_quoted_transport(const struct packet *pkt,
						      const struct translation *to, __u64 addresses)
{
	struct udphdr *udp = HEADER_AT(udphdr, pkt, pkt->transport_offset);
	struct icmphdr *icmp = (void *)udp;
	__u64 change = 0;
	__sum16 before;

	if (!udp)
		return 0;
	if (is_echo(pkt)) {
		bool is_request = icmp->type == echo_request_type(pkt);

		change = rewrite_port(change, &icmp->un.echo.id,
				      is_request ? to->destination_port : to->source_port);
		before = icmp->checksum;
		icmp->checksum =
			update_checksum(before, is_ipv6(pkt) ? change + addresses : change);
		return add_change16(change, before, icmp->checksum);
	}
	change = rewrite_port(change, &udp->source, to->destination_port);
	change = rewrite_port(change, &udp->dest, to->source_port);
	if (is_tcp(pkt) || !udp->check)
		return change;
	before = udp->check;
	udp->check = update_checksum(before, change + addresses);
	return add_change16(change, before, udp->check);
}

/* Turns the addresses of the quoted header. Returns the change to the ICMP checksum: none in IPv4,
 * whose header has a checksum that balances it.
 */
static __always_inline __u64 rewrite_quoted_network(const struct packet *pkt,
						    const struct translation *to, __u64 addresses)
{
	struct ipv6hdr *ip6;
	struct iphdr *ip;

	if (is_ipv6(pkt)) {
		ip6 = HEADER_AT(ipv6hdr, pkt, pkt->quoted_offset);
		if (!ip6)
			return 0;
		store_address(&ip6->saddr, to->destination);
		store_address(&ip6->daddr, to->source);
		return addresses;
	}
	ip = HEADER_AT(iphdr, pkt, pkt->quoted_offset);
	if (!ip)
		return 0;
	ip->saddr = to->destination.words[3];
	ip->daddr = to->source.words[3];
	ip->check = update_checksum(ip->check, addresses);
	return 0;
}

/* Addresses the error itself to whom it concerns. Its sender stays who it was, a router mostly,
 * but for the backend, which a client must not see. Returns the change to the addresses.
 */
static __always_inline __u64 rewrite_error_ipv4(const struct packet *pkt,
						const struct translation *to)
{
	struct iphdr *ip = HEADER_AT(iphdr, pkt, pkt->link_bytes);
	__u64 change;
	__be32 source;

	if (!ip)
		return 0;
	source = ip->saddr == pkt->source.words[3] ? to->source.words[3] : ip->saddr;
	change = add_change64(0, ip->saddr, source);
	change = add_change64(change, ip->daddr, to->destination.words[3]);
	ip->saddr = source;
	ip->daddr = to->destination.words[3];
	ip->ttl--;
	ip->check = update_checksum(ip->check, change + (__u16)~bpf_htons(0x0100));
	return 0;
}

static __always_inline __u64 rewrite_error_ipv6(const struct packet *pkt,
						const struct translation *to)
{
	struct ipv6hdr *ip6 = HEADER_AT(ipv6hdr, pkt, pkt->link_bytes);
	union address sender, source;
	__u64 change;

	if (!ip6)
		return 0;
	sender = load_address(&ip6->saddr);
	source = is_same_address(sender, pkt->source) ? to->source : sender;
	change = add_address_change(0, sender, source);
	change = add_address_change(change, load_address(&ip6->daddr), to->destination);
	store_address(&ip6->saddr, source);
	store_address(&ip6->daddr, to->destination);
	ip6->hop_limit--;
	return change;
}

/* Turns the noted ICMP error, and what it quotes, into what is noted of its flow. */
__noinline int translate_noted_error(struct xdp_md *ctx)
{
	struct packet pkt = PACKET_OF(ctx);
	struct note *note = recall_packet(&pkt);
	struct icmphdr *icmp;
	__u64 addresses, change;

	if (!note)
		return 0;
	recall_translation(&pkt, note);
	addresses = address_change(&pkt, &pkt.to);
	change = rewrite_quoted_transport(&pkt, &pkt.to, addresses);
	change += rewrite_quoted_network(&pkt, &pkt.to, addresses);
	change += is_ipv6(&pkt) ? rewrite_error_ipv6(&pkt, &pkt.to)
				: rewrite_error_ipv4(&pkt, &pkt.to);
	icmp = HEADER_AT(icmphdr, &pkt, pkt.quoted_offset - sizeof(*icmp));
	if (icmp)
		icmp->checksum = update_checksum(icmp->checksum, change);
	return 0;
}

/* Turns the ICMP error @pkt into what pkt->to says of its flow and sends it to the next hop. */
static __always_inline void translate_error(struct packet *pkt)
{
	note_packet(pkt);
	note_translation(pkt);
	translate_noted_error(pkt->ctx);
	rewrite_ethernet(pkt->ethernet, pkt->to.next_hop);
}
