// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* NAT: a connection gets a source port of our own towards its backend, so that clients
 * with equal ports never collide. The connection table is the truth about which ports
 * are taken: nothing to leak, nothing to free.
 */
#pragma once

#define EEXIST 17
/* With three quarters of the ports taken at random, 32 tries fail once in 10,000. */
#define NAT_PORT_TRIES 32

static __always_inline bool is_nat_port(__be16 port)
{
	return bpf_ntohs(port) >= nat_port_min && bpf_ntohs(port) <= nat_port_max;
}

/* Where the search begins: the same port for the same flow, so that a connection whose
 * entries were evicted finds its old port again.
 */
static __always_inline __u32 first_nat_port(const struct packet *pkt)
{
	__u32 count = nat_port_max - nat_port_min + 1;
	__u32 hash = xxhash32(&pkt->flow, 12, ~pkt->service->hash_seed);

	return nat_port_min + ((__u64)hash * count >> 32);
}

/* Takes the way back @flow for @back. 0; -EEXIST if it is another's; another errno if
 * it cannot be remembered.
 */
static __always_inline long take_way_back(struct packet *pkt, const struct flow *flow,
					  const struct connection *back)
{
	long error = bpf_map_update_elem(&connections, flow, back, BPF_NOEXIST);
	struct connection *other;

	if (error != -EEXIST)
		return error;
	other = bpf_map_lookup_elem(&connections, flow);
	if (!other)
		return error;
	if (!is_way_back_of(other, pkt) && !is_over(other, flow->protocol, read_clock(pkt)))
		return error;
	return bpf_map_update_elem(&connections, flow, back, BPF_ANY);
}

/* Finds a NAT port for the way back @flow and takes it. VERDICT_NEXT, or why not. */
static __always_inline enum verdict take_nat_port(struct packet *pkt, struct flow *flow,
						  const struct connection *back)
{
	__u32 port = first_nat_port(pkt);
	long error;

	for (int i = 0; i < NAT_PORT_TRIES; i++) {
		flow->destination_port = bpf_htons(port);
		error = take_way_back(pkt, flow, back);
		if (!error)
			return VERDICT_NEXT;
		if (error != -EEXIST)
			return VERDICT_DROP_TABLE_FULL;
		port = port == nat_port_max ? nat_port_min : port + 1;
	}
	return VERDICT_DROP_NO_NAT_PORT;
}

/* Remembers both directions of a new connection. VERDICT_NEXT, or why it cannot be. */
static __always_inline enum verdict remember_connection(struct packet *pkt)
{
	struct backend *backend = pkt->backend;
	struct connection back = {
		.last_seen_ns = read_clock(pkt),
		.source = pkt->flow.destination,
		.destination = pkt->flow.source,
		.source_port = pkt->flow.destination_port,
		.destination_port = pkt->flow.source_port,
		.heard_client = HEARD_PACKET,
		.flags = CONNECTION_REPLY,
		.service_id = pkt->service_id,
		.backend_id = pkt->backend_id,
	};
	struct flow way_back = {
		.source = backend->address[3],
		.destination = pkt->service->nat_address[3],
		.source_port = backend->port ? backend->port : pkt->flow.destination_port,
		.protocol = pkt->flow.protocol,
	};
	struct connection there = back;
	enum verdict verdict;

	__builtin_memcpy(back.mac, pkt->ethernet->h_source, sizeof(back.mac));
	if ((verdict = take_nat_port(pkt, &way_back, &back)))
		return verdict;
	there.source = way_back.destination;
	there.destination = way_back.source;
	there.source_port = way_back.destination_port;
	there.destination_port = way_back.source_port;
	there.flags = 0;
	if (bpf_map_update_elem(&connections, &pkt->flow, &there, BPF_ANY)) {
		bpf_map_delete_elem(&connections, &way_back);
		return VERDICT_DROP_TABLE_FULL;
	}
	pkt->connection = bpf_map_lookup_elem(&connections, &pkt->flow);
	pkt->is_new = true;
	return pkt->connection ? VERDICT_NEXT : VERDICT_DROP_TABLE_FULL;
}
