// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* NAT: a connection gets a source port of our own towards its backend, so that clients
 * with equal ports never collide. The connection table is the truth about which ports
 * are taken: nothing to leak, nothing to free.
 */
#pragma once

/* With half of the ports taken at random, 16 tries fail once in 60,000. */
#define NAT_PORT_TRIES 16

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

/* Finds a NAT port whose way back @flow is free and writes it there. Free is also what
 * belongs to a connection that is over, and what is the packet's own, left over when its
 * counterpart was evicted. Returns the flag for taking it; ID_NONE if all tried are taken.
 */
static __always_inline __u32 find_nat_port(const struct packet *pkt, struct flow *flow)
{
	__u32 port = first_nat_port(pkt);
	struct connection *other;

	for (int i = 0; i < NAT_PORT_TRIES; i++) {
		flow->destination_port = bpf_htons(port);
		other = bpf_map_lookup_elem(&connections, flow);
		if (!other)
			return BPF_NOEXIST;
		if (is_way_back_of(other, pkt) || is_over(other, pkt->now_ns))
			return BPF_ANY;
		port = port == nat_port_max ? nat_port_min : port + 1;
	}
	return ID_NONE;
}

/* Takes a NAT port for the way back @flow. VERDICT_NEXT, or why there is none. */
static __always_inline enum verdict take_nat_port(const struct packet *pkt, struct flow *flow,
						  const struct connection *back)
{
	__u32 flag = find_nat_port(pkt, flow);

	if (flag == ID_NONE)
		return VERDICT_DROP_NO_NAT_PORT;
	if (bpf_map_update_elem(&connections, flow, back, flag))
		return VERDICT_DROP_TABLE_FULL;
	return VERDICT_NEXT;
}

/* Remembers both directions of a new connection. VERDICT_NEXT, or why it cannot be. */
static __always_inline enum verdict remember_connection(struct packet *pkt)
{
	struct backend *backend = pkt->backend;
	struct connection back = {
		.last_seen_ns = read_clock(pkt),
		.refreshed_jiffies = bpf_jiffies64(),
		.source = pkt->flow.destination,
		.destination = pkt->flow.source,
		.source_port = pkt->flow.destination_port,
		.destination_port = pkt->flow.source_port,
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
	struct connection there;
	enum verdict verdict;

	copy_mac(back.mac, pkt->ethernet->h_source);
	if ((verdict = take_nat_port(pkt, &way_back, &back)))
		return verdict;
	there = back;
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
