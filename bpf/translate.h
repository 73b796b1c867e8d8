// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Translation: new addresses and ports, checksums by their difference, one hop less. */
#pragma once

static __always_inline bool is_last_hop(const struct packet *pkt)
{
	return pkt->ttl <= 1;
}

static __always_inline __u64 add_address_change(__u64 change, union address from, union address to)
{
	change = add_change64(change, from.halves[0], to.halves[0]);
	return add_change64(change, from.halves[1], to.halves[1]);
}

static __always_inline void store_address(void *to, union address address)
{
	__u64 *halves = to;

	halves[0] = address.halves[0];
	halves[1] = address.halves[1];
}

/* The upper halves of IPv4 addresses are alike, and so is half of the lower ones. */
static __always_inline __u64 address_change(const struct packet *pkt, const struct translation *to)
{
	__u64 change = add_address_change(0, pkt->source, to->source);

	return add_address_change(change, pkt->destination, to->destination);
}

static __always_inline __u64 rewrite_port(__u64 change, __be16 *port, __be16 to)
{
	change = add_change16(change, *port, to);
	*port = to;
	return change;
}

static __always_inline void rewrite_udp(struct udphdr *udp, const struct translation *to,
					__u64 change)
{
	change = rewrite_port(change, &udp->source, to->source_port);
	change = rewrite_port(change, &udp->dest, to->destination_port);
	if (!udp->check) /* the sender made none (RFC 768) */
		return;
	udp->check = update_checksum(udp->check, change);
	if (!udp->check)
		udp->check = 0xffff;
}

static __always_inline void rewrite_tcp(struct tcphdr *tcp, const struct translation *to,
					__u64 change)
{
	change = rewrite_port(change, &tcp->source, to->source_port);
	change = rewrite_port(change, &tcp->dest, to->destination_port);
	tcp->check = update_checksum(tcp->check, change);
}

/* The identifier is the asker's port; only ICMPv6 sums up the addresses too. */
static __always_inline void rewrite_echo(const struct packet *pkt, struct icmphdr *icmp,
					 const struct translation *to, __u64 change)
{
	bool is_request = icmp->type == echo_request_type(pkt);

	change = rewrite_port(is_ipv6(pkt) ? change : 0, &icmp->un.echo.id,
			      is_request ? to->source_port : to->destination_port);
	icmp->checksum = update_checksum(icmp->checksum, change);
}

/* False never happens: the headers were in range before. */
static __always_inline bool rewrite_transport(const struct packet *pkt,
					      const struct translation *to, __u64 change)
{
	/* Eight bytes, as an echo's header has them. */
	struct udphdr *udp = HEADER_AT(udphdr, pkt, pkt->transport_offset);
	struct tcphdr *tcp;

	if (!udp)
		return false;
	if (is_tcp(pkt)) {
		tcp = HEADER_AT(tcphdr, pkt, pkt->transport_offset);
		if (!tcp)
			return false;
		rewrite_tcp(tcp, to, change);
	} else if (pkt->protocol == IPPROTO_UDP) {
		rewrite_udp(udp, to, change);
	} else {
		rewrite_echo(pkt, (void *)udp, to, change);
	}
	return true;
}

static __always_inline void rewrite_ipv4(struct iphdr *ip, const struct translation *to,
					 __u64 change)
{
	/* One less to live is 0x0100 less in the word it shares with the protocol. */
	change += (__u16)~bpf_htons(0x0100);
	ip->ttl--;
	ip->saddr = to->source.words[3];
	ip->daddr = to->destination.words[3];
	ip->check = update_checksum(ip->check, change);
}

static __always_inline void rewrite_ipv6(struct ipv6hdr *ip6, const struct translation *to)
{
	ip6->hop_limit--;
	store_address(&ip6->saddr, to->source);
	store_address(&ip6->daddr, to->destination);
}

static __always_inline bool rewrite_network(const struct packet *pkt, const struct translation *to,
					    __u64 change)
{
	struct ipv6hdr *ip6;
	struct iphdr *ip;

	if (is_ipv6(pkt)) {
		ip6 = HEADER_AT(ipv6hdr, pkt, pkt->link_bytes);
		if (!ip6)
			return false;
		rewrite_ipv6(ip6, to);
		return true;
	}
	ip = HEADER_AT(iphdr, pkt, pkt->link_bytes);
	if (!ip)
		return false;
	rewrite_ipv4(ip, to, change);
	return true;
}

/* Turns @pkt into what pkt->to says and sends it to the next hop. */
static __always_inline void translate(struct packet *pkt)
{
	__u64 change = address_change(pkt, &pkt->to);

	if (rewrite_transport(pkt, &pkt->to, change) && rewrite_network(pkt, &pkt->to, change))
		rewrite_ethernet(pkt->ethernet, pkt->to.next_hop);
}
