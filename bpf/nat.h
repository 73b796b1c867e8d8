// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Translated connections, modes nat and dnat. In mode nat a connection gets a source port of
 * our own towards its backend, so that clients with equal ports never collide; the connection
 * table is the truth about which ports are taken: nothing to leak, nothing to free.
 */
#pragma once

/* With half of the ports taken at random, 16 tries fail once in 60,000. */
#define NAT_PORT_TRIES 16

static __always_inline bool is_nat_port(__be16 port)
{
	return bpf_ntohs(port) >= nat_port_min && bpf_ntohs(port) <= nat_port_max;
}

/* Returns the port to try at @place. A remainder, since a comparison would double what the
 * verifier walks each time.
 */
static __always_inline __be16 nat_port_at(__u32 place)
{
	__u32 count = nat_port_max - nat_port_min + 1;

	return bpf_htons(nat_port_min + place % count);
}

/* Is @other the way back of @pkt's own connection, and not of a stranger's? */
static __always_inline bool is_way_back_of(const struct connection *other, const struct packet *pkt)
{
	union address client = load_address(&other->client);

	/* Without branches: each would double what the verifier walks in find_nat_port(). */
	return !((other->flags ^ CONNECTION_REPLY) | (other->service_id ^ pkt->service_id) |
		 (other->destination_port ^ pkt->source_port) |
		 (other->source_port ^ pkt->destination_port) |
		 (client.halves[0] ^ pkt->source.halves[0]) |
		 (client.halves[1] ^ pkt->source.halves[1]));
}

/* Returns the flow of what the backend answers, but for the port it answers to. */
static __always_inline struct flow flow_of_answers(const struct packet *pkt, __be16 backend_port,
						   __be16 our_port)
{
	const struct service *service = pkt->service;
	union address ours = pkt->source;

	if (service->mode == MODE_NAT)
		ours = load_address(&service->nat_address);
	return make_flow(pkt, load_address(&pkt->backend->address), ours, backend_port, our_port);
}

/* Returns the entry that goes with the client's entry @connection. */
static __always_inline struct connection *find_way_back(const struct packet *pkt,
							const struct connection *connection)
{
	struct flow flow =
		flow_of_answers(pkt, connection->destination_port, connection->source_port);
	struct connection *other = bpf_map_lookup_elem(&connections, &flow);

	return other && is_way_back_of(other, pkt) ? other : NULL;
}

/* Returns the flag for taking the way back @flow; ID_NONE if it is another's. Free is also what
 * belongs to a connection that is over, and what is the packet's own, left over when its
 * counterpart was evicted.
 */
static __always_inline __u32 flag_for(const struct packet *pkt, const struct flow *flow,
				      __u64 now_ns)
{
	struct connection *other = bpf_map_lookup_elem(&connections, flow);

	if (!other)
		return BPF_NOEXIST;
	return is_way_back_of(other, pkt) || is_over(other, now_ns) ? BPF_ANY : ID_NONE;
}

/* Finds a port of ours for the way back @flow and writes it there. The search begins at a place
 * that follows from the client's flow, so that a connection whose entries were evicted finds
 * its old port again.
 */
static __always_inline __u32 find_nat_port(const struct packet *pkt, struct flow *flow,
					   __u64 now_ns)
{
	struct flow ours = flow_of(pkt);
	__u32 place = xxhash32(&ours, sizeof(ours), pkt->service_id);
	__u32 flag = ID_NONE;

	for (int i = 0; i < NAT_PORT_TRIES && flag == ID_NONE; i++) {
		flow->destination_port = nat_port_at(place + i);
		flag = flag_for(pkt, flow, now_ns);
	}
	return flag;
}

static __always_inline __be16 backend_port_of(const struct packet *pkt)
{
	return pkt->backend->port ? pkt->backend->port : pkt->destination_port;
}

/* Turns the client's entry @connection into that of the way back, or the other way round. */
static __always_inline void turn_connection(struct connection *connection, __u32 flags,
					    __be16 source_port, __be16 destination_port)
{
	connection->flags = flags;
	connection->source_port = source_port;
	connection->destination_port = destination_port;
}

/* Remembers both directions of a new connection of @pkt, which the client sent, or which is
 * what the client would have sent. @connection is room to make the entries in. VERDICT_NEXT, or
 * why it cannot be.
 */
static __always_inline enum verdict
remember_translation(const struct packet *pkt, struct connection *connection, const void *mac)
{
	struct flow answers = flow_of_answers(pkt, backend_port_of(pkt), pkt->source_port);
	enum verdict verdict;
	__u32 flag;

	fill_connection(connection, pkt);
	if (pkt->service->mode == MODE_NAT)
		flag = find_nat_port(pkt, &answers, connection->last_seen_ns);
	else
		flag = flag_for(pkt, &answers, connection->last_seen_ns);
	if (flag == ID_NONE)
		return VERDICT_DROP_NO_NAT_PORT;
	copy_mac(connection->mac, mac);
	turn_connection(connection, CONNECTION_REPLY, pkt->destination_port, pkt->source_port);
	if (bpf_map_update_elem(&connections, &answers, connection, flag))
		return VERDICT_DROP_TABLE_FULL;
	turn_connection(connection, 0, answers.destination_port, answers.source_port);
	verdict = remember_flow(pkt, connection);
	if (verdict)
		bpf_map_delete_elem(&connections, &answers);
	return verdict;
}
