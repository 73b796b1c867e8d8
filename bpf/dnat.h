// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Mode dnat, the way back: we are the backends' gateway, and packets from a backend's
 * address and port belong to its service. A backend may speak first.
 */
#pragma once

#define AF_INET 2
#define AF_INET6 10
#define ASSOCIATED_NEW VERDICT_COUNT /* no verdict */

static __always_inline bool is_backend_at(struct packet *pkt, __u32 place, __be16 port)
{
	__u32 *entry = bpf_map_lookup_elem(&service_index, &place);
	__u32 id;

	if (!entry || !(*entry & INDEX_BACKEND))
		return false;
	id = (*entry & ~INDEX_BACKEND) - 1;
	pkt->backend = bpf_map_lookup_elem(&backends, &id);
	if (!pkt->backend || !is_same_address(load_address(&pkt->backend->address), pkt->source))
		return false;
	pkt->service = bpf_map_lookup_elem(&services, &pkt->backend->service_id);
	if (!pkt->service || pkt->service->key.protocol != pkt->protocol ||
	    (pkt->backend->port ? pkt->backend->port : pkt->service->key.port) != port)
		return false;
	pkt->service_id = pkt->backend->service_id;
	pkt->backend_id = id;
	return true;
}

static __always_inline bool is_backend_of_port(struct packet *pkt, __u64 address_hash, __be16 port)
{
	__u64 hash = hash_key(address_hash, pkt->protocol, port);

	return is_backend_at(pkt, first_place(hash), port) ||
	       is_backend_at(pkt, second_place(hash), port);
}

/* Is @pkt from a backend of a dnat service? Keeps service and backend in @pkt if so. */
static __always_inline bool is_from_backend(struct packet *pkt)
{
	__u64 address_hash = hash_address(pkt->source);

	if (is_backend_of_port(pkt, address_hash, pkt->source_port) ||
	    is_backend_of_port(pkt, address_hash, 0))
		return true;
	return false;
}

/* Writes the next hop towards @pkt's destination to @mac, as the host's routes and neighbours
 * have it; where they have none, it is whom the packet came from.
 */
static __always_inline void find_next_hop(const struct packet *pkt, struct note *note, __u16 *mac)
{
	struct bpf_fib_lookup *route = &note->route;

	copy_mac(mac, note->source_mac);
	__builtin_memset(route, 0, sizeof(*route));
	route->ifindex = pkt->ctx->ingress_ifindex;
	if (is_ipv6(pkt)) {
		route->family = AF_INET6;
		__builtin_memcpy(route->ipv6_dst, &pkt->destination, sizeof(route->ipv6_dst));
	} else {
		route->family = AF_INET;
		route->ipv4_dst = pkt->destination.words[3];
	}
	if (!bpf_fib_lookup(pkt->ctx, route, sizeof(*route), BPF_FIB_LOOKUP_OUTPUT))
		__builtin_memcpy(mac, route->dmac, sizeof(route->dmac));
}

/* Turns @pkt, from a backend, into the request that it would be the answer to. */
static __always_inline void turn_round(struct packet *pkt)
{
	const struct service_key *key = &pkt->service->key;
	__be16 vip_port = key->port ? key->port : pkt->source_port;

	pkt->source = pkt->destination;
	pkt->source_port = pkt->destination_port;
	pkt->destination = load_address(&key->address);
	pkt->destination_port = vip_port;
}

/* Associates the client with the backend that speaks to it first: what its own request
 * would have done. VERDICT_NEXT, or why not.
 */
static __always_inline enum verdict associate_client(struct packet *pkt, struct note *note)
{
	struct connection *connection;
	__u16 mac[3];

	find_next_hop(pkt, note, mac);
	turn_round(pkt);
	connection = find_connection(pkt);
	if (connection && connection->backend_id != pkt->backend_id &&
	    !is_over(connection, read_clock()))
		return VERDICT_DROP_OTHER_BACKEND;
	return remember_translation(pkt, &note->connection, mac);
}

/* Finds the association that the noted packet, if it is from a backend of a dnat service, belongs
 * to, or makes it. VERDICT_NEXT; ASSOCIATED_NEW if it was made; or why it is none of ours.
 */
__noinline int find_association(struct xdp_md *ctx)
{
	struct packet pkt = PACKET_OF(ctx);
	struct note *note = recall_packet(&pkt);
	enum verdict verdict;

	if (!note || !is_from_backend(&pkt))
		return VERDICT_PASS_NO_SERVICE;
	if (find_reply(&pkt))
		return VERDICT_NEXT;
	if (pkt.protocol != IPPROTO_UDP)
		return VERDICT_PASS_NO_SERVICE;
	verdict = associate_client(&pkt, note);
	if (verdict) {
		tell_event(&pkt, FLOW_EVENT_REFUSED, verdict);
		return verdict;
	}
	tell_event(&pkt, FLOW_EVENT_NEW, VERDICT_TX_REPLY);
	return ASSOCIATED_NEW;
}

/* Finds the connection that @pkt, from a backend of a dnat service, belongs to. VERDICT_NEXT,
 * or why it is none of ours.
 */
static __always_inline enum verdict find_dnat_answer(struct packet *pkt)
{
	struct directory *known = read_directory();
	int found;

	if (!known || !known->dnat_backends)
		return VERDICT_PASS_NO_SERVICE;
	note_packet(pkt);
	found = find_association(pkt->ctx);
	if (found != VERDICT_NEXT && found != ASSOCIATED_NEW)
		return found;
	pkt->is_new = found == ASSOCIATED_NEW;
	return find_reply(pkt) ? VERDICT_NEXT : VERDICT_DROP_TABLE_FULL;
}
