// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Scheduling: a hash of the flow, or a count of new connections, leads to a slot of the
 * service's table, the slot to a backend. What makes a scheduler maglev or hash is how user
 * space fills the table.
 */
#pragma once

/* Keeps backend @id in @pkt. False if it may not be sent packets. */
static __always_inline bool use_backend(struct packet *pkt, __u32 id)
{
	struct backend *backend = bpf_map_lookup_elem(&backends, &id);

	if (!backend || !(backend->flags & BACKEND_UP))
		return false;
	pkt->backend = backend;
	pkt->backend_id = id;
	return true;
}

/* Each CPU goes round for itself: one counter for all would have to be atomic, which
 * Linux 5.10 cannot do here, and no order is lost, since a flow stays on its queue.
 */
static __always_inline __u32 take_turn(const struct packet *pkt)
{
	__u32 id = pkt->service_id;
	__u32 *turns = bpf_map_lookup_elem(&service_turns, &id);
	__u32 slots = pkt->service->slot_count;

	if (!turns || !slots)
		return 0;
	return (*turns)++ % slots;
}

/* Returns the slot that @pkt, hashed already, leads to. */
static __always_inline struct slot find_slot(struct packet *pkt)
{
	struct service *service = pkt->service;
	struct slot none = { ID_NONE, ID_NONE };
	struct slot *slot;
	__u32 place;

	if (service->scheduler == SCHEDULER_ROUND_ROBIN)
		place = take_turn(pkt);
	else
		place = (__u64)pkt->hash * service->slot_count >> 32;
	place += service->first_slot;
	slot = bpf_map_lookup_elem(&slots, &place);
	return slot ? *slot : none;
}

static __always_inline enum verdict check_neighbour(const struct packet *pkt)
{
	return is_mac_known(pkt->backend->mac) ? VERDICT_NEXT : VERDICT_DROP_NO_NEIGHBOUR;
}

/* Picks the backend of a new connection. VERDICT_NEXT, or why there is none. */
static __always_inline enum verdict pick_backend(struct packet *pkt)
{
	/* Dropped, not passed: the host's stack would answer with a reset, and the client
	 * would take a short outage for a refusal.
	 */
	if (!pkt->service->backend_count)
		return VERDICT_DROP_NO_BACKEND;
	pkt->hash = hash_flow(pkt);
	return use_backend(pkt, find_slot(pkt).current) ? VERDICT_NEXT : VERDICT_DROP_NO_BACKEND;
}

/* With round robin each echo request is one of its own; all else stays with its backend. */
static __always_inline bool is_request_by_itself(const struct packet *pkt)
{
	return pkt->service->scheduler == SCHEDULER_ROUND_ROBIN && is_echo(pkt);
}
