// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Beginnings: a new flow is given a backend, and remembered where it must be. */
#pragma once

#define CHOSEN_NEW 0x40000000

static __always_inline enum verdict begin_translation(struct packet *pkt, struct note *note)
{
	enum verdict verdict;

	if (is_tcp(pkt) && pkt->tcp_flags & TCP_RST)
		return VERDICT_DROP_NO_CONNECTION;
	if ((verdict = pick_backend(pkt)) || (verdict = check_neighbour(pkt)))
		return verdict;
	return remember_translation(pkt, &note->connection, note->source_mac);
}

/* Gives the noted flow a backend, in modes nat and dnat, and remembers both directions.
 * VERDICT_NEXT, or why it cannot be.
 */
__noinline int begin_connection(struct xdp_md *ctx)
{
	struct packet pkt = PACKET_OF(ctx);
	enum verdict verdict;
	struct note *note;

	note = recall_packet(&pkt);
	if (!note || !pkt.service)
		return VERDICT_PASS_NO_SERVICE;
	verdict = begin_translation(&pkt, note);
	if (verdict == VERDICT_NEXT)
		tell_event(&pkt, FLOW_EVENT_NEW, verdict_of_mode(pkt.service));
	else
		tell_event(&pkt, FLOW_EVENT_REFUSED, verdict);
	return verdict;
}

/* Picks between the two backends of a slot that moved. A flow that is not remembered is older
 * than the move and stays with the previous one while that lives; a new one is remembered.
 */
static __always_inline enum verdict pick_of_two(struct packet *pkt, struct slot slot)
{
	bool is_syn = is_tcp(pkt) && opens_connection(pkt);

	if (!is_syn && use_backend(pkt, slot.previous & ~SLOT_MOVED))
		return VERDICT_NEXT;
	if (!use_backend(pkt, slot.current))
		return VERDICT_DROP_NO_BACKEND;
	pkt->is_new = true;
	return VERDICT_NEXT;
}

/* Remembers that @pkt's flow has pkt->backend. It answers past us, so that nothing will be
 * heard of it: the idle time is that of a connection that stands.
 */
static __always_inline enum verdict remember_choice(const struct packet *pkt,
						    struct connection *connection)
{
	fill_connection(connection, pkt);
	connection->heard_client = HEARD_PACKET;
	connection->heard_backend = HEARD_PACKET;
	connection->idle_limit_s = idle_limit_s(connection, pkt->protocol);
	return remember_flow(pkt, connection);
}

static __always_inline enum verdict choose_for_flow(struct packet *pkt, struct note *note)
{
	enum verdict verdict;
	struct slot slot;

	pkt->hash = hash_flow(pkt);
	slot = find_slot(pkt);
	if (pkt->service->scheduler == SCHEDULER_ROUND_ROBIN)
		slot.previous = ID_NONE;
	if ((verdict = pick_of_two(pkt, slot)))
		return verdict;
	if (!pkt->is_new || is_request_by_itself(pkt))
		return VERDICT_NEXT;
	if ((verdict = remember_choice(pkt, &note->connection)))
		return verdict;
	tell_event(pkt, FLOW_EVENT_NEW, verdict_of_mode(pkt->service));
	return VERDICT_NEXT;
}

/* Returns the id of the backend that the noted flow, not remembered, has by its slot and its
 * turn, with CHOSEN_NEW if it is a new one there; or less than 0: minus the verdict that says
 * why not.
 */
__noinline int choose_backend(struct xdp_md *ctx)
{
	struct packet pkt = PACKET_OF(ctx);
	enum verdict verdict;
	struct note *note;

	note = recall_packet(&pkt);
	if (!note || !pkt.service)
		return -VERDICT_PASS_NO_SERVICE;
	if ((verdict = choose_for_flow(&pkt, note)))
		return -(int)verdict;
	return pkt.backend_id | (pkt.is_new ? CHOSEN_NEW : 0);
}
