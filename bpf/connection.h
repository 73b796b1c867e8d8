// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Connection table: which backend a flow was given, for as long as it lives. A
 * translated connection has two entries, one per direction; one that is only remembered
 * has the client's.
 */
#pragma once

/* How stale last_seen_ns may be: an entry is written once a second or so, not once a packet.
 * Counted in ticks, which are a load where the coarse clock costs 10 ns; 250 are 1 s at the
 * usual 250 Hz, and between 0.25 s and 2.5 s elsewhere.
 */
#define REFRESH_JIFFIES 250

/* Returns how many seconds @connection may be idle before it is forgotten. */
static __always_inline __u32 idle_limit_s(const struct connection *connection, __u32 protocol)
{
	__u8 both = connection->heard_client & connection->heard_backend;

	if (protocol != IPPROTO_TCP)
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

static __always_inline bool is_reply(const struct connection *connection)
{
	return connection->flags & CONNECTION_REPLY;
}

static __always_inline bool is_stale(const struct connection *connection)
{
	return (__u32)bpf_jiffies64() - connection->refreshed_jiffies >= REFRESH_JIFFIES;
}

static __always_inline void mark_seen(struct connection *connection)
{
	connection->last_seen_ns = read_clock();
	connection->refreshed_jiffies = bpf_jiffies64();
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
	if (!is_tcp(pkt))
		return HEARD_PACKET;
	/* FIN is 1 and reset 4 in both; HEARD_FIN is 2. */
	return HEARD_PACKET | (pkt->tcp_flags & TCP_FIN) << 1 | (pkt->tcp_flags & TCP_RST);
}

/* Is @connection the one that @pkt's key was meant for, and is its backend still there?
 * Keeps the backend in @pkt if so.
 */
static __always_inline bool has_living_backend(struct packet *pkt,
					       const struct connection *connection)
{
	struct backend *backend = bpf_map_lookup_elem(&backends, &connection->backend_id);

	/* The id may have been given to another backend since. */
	if (!backend || !(backend->flags & BACKEND_UP) ||
	    backend->generation != connection->generation)
		return false;
	/* A new connection on the ports of one that has ended, or must leave its backend. */
	if (is_tcp(pkt) && opens_connection(pkt) &&
	    (backend->flags & BACKEND_DRAINING || is_closed(connection)))
		return false;
	pkt->backend = backend;
	pkt->backend_id = connection->backend_id;
	return true;
}

/* Looks @pkt's flow up among the clients'. NULL where it is not remembered. */
static __always_inline struct connection *find_connection(const struct packet *pkt)
{
	struct flow flow = flow_of(pkt);
	struct connection *connection = bpf_map_lookup_elem(&connections, &flow);

	if (!connection || is_reply(connection) ||
	    !is_same_address(load_address(&connection->client), pkt->source))
		return NULL;
	return connection;
}

/* Looks @pkt's flow up among the ways back; keeps connection, service and backend in @pkt. */
static __always_inline bool find_reply(struct packet *pkt)
{
	struct flow flow = flow_of(pkt);
	struct connection *connection = bpf_map_lookup_elem(&connections, &flow);
	struct service *service;

	if (!connection || !is_reply(connection))
		return false;
	service = bpf_map_lookup_elem(&services, &connection->service_id);
	if (!service)
		return false;
	pkt->service = service;
	pkt->connection = connection;
	pkt->service_id = connection->service_id;
	pkt->backend_id = connection->backend_id;
	return true;
}

/* Makes @connection the client's entry of @pkt's flow as it begins. */
static __always_inline void fill_connection(struct connection *connection, const struct packet *pkt)
{
	__builtin_memset(connection, 0, sizeof(*connection));
	mark_seen(connection);
	__builtin_memcpy(connection->client, &pkt->source, sizeof(connection->client));
	connection->source_port = pkt->source_port;
	connection->destination_port = pkt->destination_port;
	connection->service_id = pkt->service_id;
	connection->backend_id = pkt->backend_id;
	connection->generation = pkt->backend->generation;
}

/* Writes the entry of @pkt's own direction. VERDICT_NEXT, or why not. */
static __always_inline enum verdict remember_flow(const struct packet *pkt,
						  const struct connection *connection)
{
	struct flow flow = flow_of(pkt);

	if (bpf_map_update_elem(&connections, &flow, connection, BPF_ANY))
		return VERDICT_DROP_TABLE_FULL;
	return VERDICT_NEXT;
}
