// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Scheduling: a hash of the flow leads to a slot of the service's table, the slot to
 * a backend. What makes a scheduler maglev or hash is how user space fills the table.
 */
#pragma once

/* Returns the xxhash32 of what the service hashes on. */
static __always_inline __u32 hash_flow(const struct packet *pkt)
{
	__u32 seed = pkt->service->hash_seed;
	struct {
		__be32 address;
		__be16 source_port;
		__be16 destination_port;
	} input = { pkt->flow.source, pkt->flow.source_port, pkt->flow.destination_port };

	switch (pkt->service->hash_on) {
	case HASH_ON_SOURCE_ADDRESS:
		return xxhash32(&input.address, sizeof(input.address), seed);
	case HASH_ON_SOURCE_PORT:
		input.destination_port = 0;
		return xxhash32(&input.source_port, 4, seed);
	case HASH_ON_DESTINATION_PORT:
		input.source_port = input.destination_port;
		input.destination_port = 0;
		return xxhash32(&input.source_port, 4, seed);
	default:
		return xxhash32(&input, sizeof(input), seed);
	}
}

/* Picks the backend of a new connection. VERDICT_NEXT, or why there is none. */
static __always_inline enum verdict pick_backend(struct packet *pkt)
{
	struct service *service = pkt->service;
	__u32 place = service->first_slot + ((__u64)hash_flow(pkt) * service->slot_count >> 32);
	struct slot *slot;

	/* Dropped, not passed: the host's stack would answer with a reset, and the client
	 * would take a short outage for a refusal.
	 */
	if (!service->backend_count)
		return VERDICT_DROP_NO_BACKEND;
	slot = bpf_map_lookup_elem(&slots, &place);
	if (!slot)
		return VERDICT_DROP_NO_BACKEND;
	pkt->backend_id = slot->current;
	pkt->backend = bpf_map_lookup_elem(&backends, &pkt->backend_id);
	if (!pkt->backend || !(pkt->backend->flags & BACKEND_UP)) {
		pkt->backend_id = ID_NONE;
		return VERDICT_DROP_NO_BACKEND;
	}
	return VERDICT_NEXT;
}
