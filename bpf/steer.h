// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Steering, modes dsr, ipip and gue: just enough state. As long as a slot has not moved, it
 * alone says where its flows go, and no connection is remembered (JET, CoNEXT '20).
 */
#pragma once

static __always_inline bool is_settled(struct slot slot)
{
	return slot.current == slot.previous;
}

/* Uses the backend that @pkt's flow is remembered with, if it is. */
static __always_inline bool recall_backend(struct packet *pkt)
{
	struct connection *connection = find_connection(pkt);

	if (!connection || !has_living_backend(pkt, connection))
		return false;
	if (is_stale(connection))
		mark_seen(connection);
	return true;
}

static __always_inline enum verdict steer_by_memory(struct packet *pkt)
{
	int chosen;

	if (!is_request_by_itself(pkt) && recall_backend(pkt))
		return VERDICT_NEXT;
	note_packet(pkt);
	chosen = choose_backend(pkt->ctx);
	if (chosen < 0)
		return -chosen;
	pkt->is_new = !!(chosen & CHOSEN_NEW);
	return use_backend(pkt, chosen & ~CHOSEN_NEW) ? VERDICT_NEXT : VERDICT_DROP_NO_BACKEND;
}

static __always_inline enum verdict steer_by_slot(struct packet *pkt)
{
	struct slot slot = find_slot(pkt);

	if (!is_settled(slot))
		return steer_by_memory(pkt);
	return use_backend(pkt, slot.current) ? VERDICT_NEXT : VERDICT_DROP_NO_BACKEND;
}

/* Finds @pkt a backend, which is sent the packet as it came. VERDICT_NEXT, or why not. */
static __always_inline enum verdict steer_packet(struct packet *pkt)
{
	enum verdict verdict;

	if (is_for_local_socket(pkt))
		return VERDICT_PASS_LOCAL_SOCKET;
	if (!pkt->service->backend_count)
		return VERDICT_DROP_NO_BACKEND;
	pkt->hash = hash_flow(pkt);
	if (pkt->service->scheduler == SCHEDULER_ROUND_ROBIN)
		verdict = steer_by_memory(pkt);
	else
		verdict = steer_by_slot(pkt);
	return verdict ? verdict : check_neighbour(pkt);
}
