// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Forwarding: turns the packet into what its connection says and sends it on. */
#pragma once

static __always_inline void rewrite_ethernet(struct ethhdr *ethernet, const __u8 *next_hop)
{
	copy_mac(ethernet->h_source, ethernet->h_dest);
	copy_mac(ethernet->h_dest, next_hop);
}

static __always_inline __u64 address_change(const struct packet *pkt, const struct connection *to)
{
	return add_change(add_change(0, pkt->ip->saddr, to->source), pkt->ip->daddr,
			  to->destination);
}

/* The ports lie in the first four bytes of TCP and UDP alike. */
static __always_inline __u64 rewrite_ports(__be16 *ports, const struct connection *to)
{
	__u64 change = add_change16(0, ports[0], to->source_port);

	change = add_change16(change, ports[1], to->destination_port);
	ports[0] = to->source_port;
	ports[1] = to->destination_port;
	return change;
}

static __always_inline void rewrite_transport(struct packet *pkt, const struct connection *to,
					      __u64 change)
{
	if (pkt->is_tcp) {
		change += rewrite_ports(&pkt->tcp->source, to);
		pkt->tcp->check = update_checksum(pkt->tcp->check, change);
		return;
	}
	change += rewrite_ports(&pkt->udp->source, to);
	if (!pkt->udp->check) /* the sender made none (RFC 768) */
		return;
	pkt->udp->check = update_checksum(pkt->udp->check, change);
	if (!pkt->udp->check)
		pkt->udp->check = 0xffff;
}

static __always_inline void rewrite_ipv4(struct iphdr *ip, const struct connection *to,
					 __u64 change)
{
	/* One less to live is 0x0100 less in the word it shares with the protocol. */
	change += (__u16)~bpf_htons(0x0100);
	ip->ttl--;
	ip->saddr = to->source;
	ip->daddr = to->destination;
	ip->check = update_checksum(ip->check, change);
}

/* Turns @pkt into what its connection says, checksums included, and addresses its frame
 * to @next_hop.
 */
static __always_inline void translate(struct packet *pkt, const __u8 *next_hop)
{
	__u64 change = address_change(pkt, pkt->connection);

	rewrite_transport(pkt, pkt->connection, change);
	rewrite_ipv4(pkt->ip, pkt->connection, change);
	rewrite_ethernet(pkt->ethernet, next_hop);
}

/* Sends back to its client what a backend answers. VERDICT_NEXT if @pkt is no answer. */
static __always_inline enum verdict forward_reply(struct packet *pkt)
{
	if (!is_nat_port(pkt->flow.destination_port))
		return VERDICT_NEXT;
	pkt->connection = bpf_map_lookup_elem(&connections, &pkt->flow);
	if (!pkt->connection || !(pkt->connection->flags & CONNECTION_REPLY))
		return VERDICT_NEXT;
	pkt->service_id = pkt->connection->service_id;
	pkt->backend_id = pkt->connection->backend_id;
	if (pkt->ip->ttl <= 1)
		return VERDICT_DROP_TTL_EXPIRED;
	if (is_stale(pkt->connection))
		mark_seen(pkt, pkt->connection);
	follow_connection(pkt);
	translate(pkt, pkt->connection->mac);
	return VERDICT_TX_REPLY;
}

/* Finds @pkt a backend: the one its connection has, or else a new one. */
static __always_inline enum verdict connect_to_backend(struct packet *pkt)
{
	enum verdict verdict;

	if (find_connection(pkt))
		return VERDICT_NEXT;
	if (is_for_local_socket(pkt))
		return VERDICT_PASS_LOCAL_SOCKET;
	if (pkt->is_tcp && pkt->tcp->rst)
		return VERDICT_DROP_NO_CONNECTION;
	if ((verdict = pick_backend(pkt)))
		return verdict;
	if (!is_mac_known(pkt->backend->mac))
		return VERDICT_DROP_NO_NEIGHBOUR;
	return remember_connection(pkt);
}

/* Sends @pkt, which is for pkt->service, to a backend. */
static __always_inline enum verdict forward_to_backend(struct packet *pkt)
{
	enum verdict verdict;

	if (pkt->ip->ttl <= 1)
		return VERDICT_DROP_TTL_EXPIRED;
	if ((verdict = connect_to_backend(pkt)))
		return verdict;
	if (!is_mac_known(pkt->backend->mac))
		return VERDICT_DROP_NO_NEIGHBOUR;
	follow_connection(pkt);
	translate(pkt, pkt->backend->mac);
	return VERDICT_TX_NAT;
}
