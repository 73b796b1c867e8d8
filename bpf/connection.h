// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Connection table: which backend a flow was given, for as long as it lives. Each
 * connection has two entries, one per direction, each the other's mirror image: what
 * the packets of one are turned into is what those of the other look like, reversed.
 */
#pragma once

/* How stale last_seen_ns may be: an entry is written once a second or so, not once a packet.
 * Counted in ticks, which are a load where the coarse clock costs 10 ns; 250 are 1 s at the
 * usual 250 Hz, and between 0.25 s and 2.5 s elsewhere.
 */
#define REFRESH_JIFFIES 250

/* Returns the flow of the entry that goes with @connection. */
static __always_inline struct flow other_way(const struct connection *connection, __u32 protocol)
{
	struct flow flow = {
		.source = connection->destination,
		.destination = connection->source,
		.source_port = connection->destination_port,
		.destination_port = connection->source_port,
		.protocol = protocol,
	};

	return flow;
}

static __always_inline struct connection *find_other_way(const struct connection *connection,
							 __u32 protocol)
{
	struct flow flow = other_way(connection, protocol);

	return bpf_map_lookup_elem(&connections, &flow);
}

/* Returns how many seconds @connection may be idle before it is forgotten. */
static __always_inline __u32 idle_limit_s(const struct connection *connection, __u32 protocol)
{
	__u8 both = connection->heard_client & connection->heard_backend;

	if (protocol == IPPROTO_UDP)
		return udp_idle_s;
	if ((connection->heard_client | connection->heard_backend) & HEARD_RESET)
		return 0;
	if (both & HEARD_FIN)
		return tcp_closed_s;
	return both & HEARD_PACKET ? tcp_established_s : tcp_opening_s;
}

static __always_inline bool is_over(const struct connection *connection, __u64 now_ns)
{
	return now_ns >= connection->last_seen_ns + connection->idle_limit_s * NSEC_PER_SEC;
}

static __always_inline bool is_closed(const struct connection *connection)
{
	return (connection->heard_client | connection->heard_backend) & HEARD_RESET ||
	       (connection->heard_client & connection->heard_backend) & HEARD_FIN;
}

/* Notes in one entry what was heard from one side. Only that side's byte is written. */
static __always_inline void note_heard(struct connection *connection, __u32 protocol, __u8 heard,
				       bool from_client)
{
	if (from_client)
		connection->heard_client |= heard;
	else
		connection->heard_backend |= heard;
	connection->idle_limit_s = idle_limit_s(connection, protocol);
}

static __always_inline __u8 what_is_heard(const struct packet *pkt)
{
	if (!pkt->is_tcp)
		return HEARD_PACKET;
	return HEARD_PACKET | pkt->tcp->fin * HEARD_FIN | pkt->tcp->rst * HEARD_RESET;
}

/* Follows the state of @pkt's connection; both entries are told of what is news. */
static __always_inline void follow_connection(struct packet *pkt)
{
	struct connection *connection = pkt->connection, *other;
	bool from_client = !(connection->flags & CONNECTION_REPLY);
	__u8 known = from_client ? connection->heard_client : connection->heard_backend;
	__u8 heard = what_is_heard(pkt);
	bool was_closed = is_closed(connection);

	if (!(heard & ~known))
		return;
	note_heard(connection, pkt->flow.protocol, heard, from_client);
	pkt->is_last = !was_closed && is_closed(connection);
	other = find_other_way(connection, pkt->flow.protocol);
	if (other)
		note_heard(other, pkt->flow.protocol, heard, from_client);
}

/* Is @other the mirror image of @pkt's own entry, and not of a stranger's? */
static __always_inline bool is_way_back_of(const struct connection *other, const struct packet *pkt)
{
	/* Without branches: each would double what the verifier has to walk. */
	return !((other->flags ^ CONNECTION_REPLY) | (other->destination ^ pkt->flow.source) |
		 (other->source ^ pkt->flow.destination) |
		 (other->destination_port ^ pkt->flow.source_port) |
		 (other->source_port ^ pkt->flow.destination_port));
}

static __always_inline bool is_stale(const struct connection *connection)
{
	return (__u32)bpf_jiffies64() - connection->refreshed_jiffies >= REFRESH_JIFFIES;
}

static __always_inline void mark_seen(struct packet *pkt, struct connection *connection)
{
	connection->last_seen_ns = read_clock(pkt);
	connection->refreshed_jiffies = bpf_jiffies64();
}

/* Keeps both entries of a stale connection alive. False if the way back is no longer
 * there, or was given away.
 */
static __always_inline bool refresh_connection(struct packet *pkt)
{
	struct connection *back = find_other_way(pkt->connection, pkt->flow.protocol);

	if (!back || !is_way_back_of(back, pkt))
		return false;
	mark_seen(pkt, back);
	mark_seen(pkt, pkt->connection);
	copy_mac(back->mac, pkt->ethernet->h_source);
	return true;
}

/* May @pkt's remembered connection go on? Not where its backend is gone, or where a
 * new connection begins on the ports of one that has ended or must leave its backend.
 */
static __always_inline bool can_continue(struct packet *pkt)
{
	struct connection *connection = pkt->connection;
	struct backend *backend = bpf_map_lookup_elem(&backends, &connection->backend_id);

	/* The id may have been given to another backend since. */
	if (!backend || !(backend->flags & BACKEND_UP) ||
	    backend->address[3] != connection->destination)
		return false;
	if (pkt->is_tcp && opens_connection(pkt) &&
	    (backend->flags & BACKEND_DRAINING || is_closed(connection)))
		return false;
	if (is_stale(connection) && !refresh_connection(pkt))
		return false;
	pkt->backend = backend;
	pkt->backend_id = connection->backend_id;
	return true;
}

/* Looks up the connection that @pkt belongs to; true if it goes on with its backend. */
static __always_inline bool find_connection(struct packet *pkt)
{
	if (!pkt->connection)
		pkt->connection = bpf_map_lookup_elem(&connections, &pkt->flow);
	if (pkt->connection && can_continue(pkt))
		return true;
	pkt->connection = NULL;
	return false;
}
