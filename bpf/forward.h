// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Forwarding: a backend for the packet, and the packet to it. */
#pragma once

/* Keeps both entries of a stale connection alive. False if the way back is no longer
 * there, or was given away.
 */
static __always_inline bool refresh_connection(struct packet *pkt, struct connection *connection)
{
	struct connection *back = find_way_back(pkt, connection);

	if (!back)
		return false;
	mark_seen(back);
	mark_seen(connection);
	copy_mac(back->mac, pkt->ethernet->h_source);
	return true;
}

/* Keeps the connection that @pkt's flow is remembered with in @pkt, if it may go on. */
static __always_inline bool recall_connection(struct packet *pkt)
{
	struct connection *connection = find_connection(pkt);

	if (!connection || !has_living_backend(pkt, connection))
		return false;
	if (is_stale(connection) && !refresh_connection(pkt, connection))
		return false;
	pkt->connection = connection;
	return true;
}

/* Finds @pkt's connection, or begins one. VERDICT_NEXT, or why there is none. */
static __always_inline enum verdict connect_to_backend(struct packet *pkt)
{
	enum verdict verdict;

	if (!is_request_by_itself(pkt) && recall_connection(pkt))
		return check_neighbour(pkt);
	if (is_error(pkt))
		return VERDICT_PASS_NO_CONNECTION;
	if (is_for_local_socket(pkt))
		return VERDICT_PASS_LOCAL_SOCKET;
	note_packet(pkt);
	if ((verdict = begin_connection(pkt->ctx)))
		return verdict;
	pkt->is_new = true;
	return recall_connection(pkt) ? VERDICT_NEXT : VERDICT_DROP_TABLE_FULL;
}

static __always_inline enum verdict forward_nat(struct packet *pkt)
{
	struct connection *connection;
	enum verdict verdict;

	if (is_last_hop(pkt))
		return VERDICT_DROP_TTL_EXPIRED;
	if ((verdict = connect_to_backend(pkt)))
		return verdict;
	connection = pkt->connection;
	if (has_news(pkt, connection->heard_client)) {
		note_packet(pkt);
		follow_request(pkt->ctx);
	}
	pkt->to.source = pkt->source;
	if (pkt->service->mode == MODE_NAT)
		pkt->to.source = load_address(&pkt->service->nat_address);
	pkt->to.destination = load_address(&pkt->backend->address);
	pkt->to.source_port = connection->source_port;
	pkt->to.destination_port = connection->destination_port;
	pkt->to.next_hop = pkt->backend->mac;
	return pkt->service->mode == MODE_NAT ? VERDICT_TX_NAT : VERDICT_TX_DNAT;
}

static __always_inline enum verdict forward_dsr(struct packet *pkt)
{
	rewrite_ethernet(pkt->ethernet, pkt->backend->mac);
	return VERDICT_TX_DSR;
}

/* Sends @pkt, which is for pkt->service, to a backend. */
static __always_inline enum verdict forward_to_backend(struct packet *pkt)
{
	__u8 mode = pkt->service->mode;
	enum verdict verdict;

	if (mode == MODE_NAT || mode == MODE_DNAT)
		return forward_nat(pkt);
	if ((verdict = steer_packet(pkt)))
		return verdict;
	if (mode == MODE_DSR)
		return forward_dsr(pkt);
	if ((verdict = encapsulate(pkt, mode == MODE_GUE)))
		return verdict;
	return mode == MODE_GUE ? VERDICT_TX_GUE : VERDICT_TX_IPIP;
}
