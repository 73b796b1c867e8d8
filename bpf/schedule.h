// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Scheduling: a hash of the flow leads to a slot of the service's table, the slot to
 * a backend. What makes a scheduler maglev or hash is how user space fills the table.
 */
#pragma once

/* What is hashed: the parts that the service does not hash on are zero. */
struct hash_words {
	__be32 address;
	__be16 source_port;
	__be16 destination_port;
};

static __always_inline struct hash_words select_words(const struct packet *pkt)
{
	struct hash_words words = {};

	switch (pkt->service->hash_on) {
	case HASH_ON_SOURCE_ADDRESS:
		words.address = pkt->flow.source;
		break;
	case HASH_ON_SOURCE_PORT:
		words.source_port = pkt->flow.source_port;
		break;
	case HASH_ON_DESTINATION_PORT:
		words.destination_port = pkt->flow.destination_port;
		break;
	default:
		words.address = pkt->flow.source;
		words.source_port = pkt->flow.source_port;
		words.destination_port = pkt->flow.destination_port;
	}
	return words;
}

static __always_inline __u32 hash_flow(const struct packet *pkt)
{
	struct hash_words words = select_words(pkt);

	return xxhash32(&words, sizeof(words), pkt->service->hash_seed);
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
