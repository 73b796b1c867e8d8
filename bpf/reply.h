// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* The way back: what a backend sends is translated again and goes to its client. */
#pragma once

/* Answers the client of pkt->connection with @pkt. */
static __always_inline enum verdict answer_client(struct packet *pkt)
{
	struct connection *connection = pkt->connection;

	if (is_last_hop(pkt))
		return VERDICT_DROP_TTL_EXPIRED;
	if (is_stale(connection))
		mark_seen(connection);
	if (has_news(pkt, connection->heard_backend)) {
		note_packet(pkt);
		follow_reply(pkt->ctx);
	}
	pkt->to.source = load_address(&pkt->service->key.address);
	pkt->to.destination = load_address(&connection->client);
	pkt->to.source_port = connection->source_port;
	pkt->to.destination_port = connection->destination_port;
	pkt->to.next_hop = connection->mac;
	return VERDICT_TX_REPLY;
}

/* Is @pkt what a backend answers to a port of ours? */
static __always_inline bool is_nat_answer(struct packet *pkt)
{
	return is_nat_port(pkt->destination_port) && find_reply(pkt);
}
