// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Following translated connections: FIN, reset and first answer are told to both entries. */
#pragma once

/* Returns the client's entry that goes with the way back @connection. */
static __always_inline struct connection *find_way_there(const struct packet *pkt,
							 const struct connection *connection)
{
	struct flow flow = make_flow(pkt, load_address(&connection->client),
				     load_address(&pkt->service->key.address),
				     connection->destination_port, connection->source_port);
	struct connection *other = bpf_map_lookup_elem(&connections, &flow);

	/* It may have begun anew since, with another backend or port. */
	if (!other || is_reply(other) || other->backend_id != connection->backend_id ||
	    other->source_port != pkt->destination_port)
		return NULL;
	return other;
}

static __always_inline void note_news(struct packet *pkt, struct connection *other, __u8 heard,
				      bool from_client)
{
	bool was_closed = is_closed(pkt->connection);

	note_heard(pkt->connection, pkt->protocol, heard, from_client);
	if (other)
		note_heard(other, pkt->protocol, heard, from_client);
	if (was_closed || !is_closed(pkt->connection))
		return;
	if (!from_client) {
		tell_event(pkt, FLOW_EVENT_CLOSED, VERDICT_TX_REPLY);
		return;
	}
	pkt->connection = NULL; /* it is not the way back, which tells of the client otherwise */
	tell_event(pkt, FLOW_EVENT_CLOSED, verdict_of_mode(pkt->service));
}

/* Follows the noted packet of a client. */
__noinline int follow_request(struct xdp_md *ctx)
{
	struct packet pkt = PACKET_OF(ctx);

	if (!recall_packet(&pkt) || !pkt.service || !pkt.backend)
		return 0;
	pkt.connection = find_connection(&pkt);
	if (pkt.connection)
		note_news(&pkt, find_way_back(&pkt, pkt.connection), what_is_heard(&pkt), true);
	return 0;
}

/* Follows the noted packet of a backend. */
__noinline int follow_reply(struct xdp_md *ctx)
{
	struct packet pkt = PACKET_OF(ctx);

	if (recall_packet(&pkt) && find_reply(&pkt))
		note_news(&pkt, find_way_there(&pkt, pkt.connection), what_is_heard(&pkt), false);
	return 0;
}

/* Is there anything in @pkt that its connection has not heard from that side? */
static __always_inline bool has_news(const struct packet *pkt, __u8 known)
{
	return !is_error(pkt) && what_is_heard(pkt) & ~known;
}
