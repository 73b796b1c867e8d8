// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* The way back: what a backend sends is translated again and goes to its client. */
#pragma once

static __always_inline struct translation translation_of_reply(const struct packet *pkt)
{
	const struct connection *connection = pkt->connection;
	struct translation to = {
		.source = load_address(&pkt->service->key.address),
		.destination = load_address(&connection->client),
		.source_port = connection->source_port,
		.destination_port = connection->destination_port,
	};

	return to;
}

/* Sends @pkt back to the client of pkt->connection. */
static __always_inline enum verdict send_to_client(struct packet *pkt)
{
	struct translation to;

	if (is_last_hop(pkt))
		return VERDICT_DROP_TTL_EXPIRED;
	if (is_stale(pkt->connection))
		mark_seen(pkt->connection);
	if (has_news(pkt, pkt->connection->heard_backend)) {
		note_packet(pkt);
		follow_reply(pkt->ctx);
	}
	to = translation_of_reply(pkt);
	translate(pkt, &to, pkt->connection->mac);
	return VERDICT_TX_REPLY;
}

/* Translates back what a backend answers to a port of ours. VERDICT_NEXT if it is no answer. */
static __always_inline enum verdict forward_nat_reply(struct packet *pkt)
{
	if (!is_nat_port(pkt->destination_port) || !find_reply(pkt))
		return VERDICT_NEXT;
	return send_to_client(pkt);
}
