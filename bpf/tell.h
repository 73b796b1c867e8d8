// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Flow events: what became of a connection, for whoever reads flow_events, if anybody does.
 * Told before the packet is changed.
 */
#pragma once

/* Returns what becomes of packets for @service: its modes stand in the verdicts' order. */
static __always_inline enum verdict verdict_of_mode(const struct service *service)
{
	return VERDICT_TX_NAT + service->mode;
}

static __always_inline void describe_backend(struct flow_event *event, const struct packet *pkt)
{
	__u32 id = pkt->backend_id;
	struct backend *backend = bpf_map_lookup_elem(&backends, &id);

	__builtin_memset(event->backend, 0, sizeof(event->backend));
	event->backend_port = 0;
	if (!backend)
		return;
	__builtin_memcpy(event->backend, backend->address, sizeof(event->backend));
	event->backend_port = backend->port ? backend->port : event->vip_port;
}

/* Describes @pkt's connection as the client sees it; pkt->connection is set on the way back. */
static __always_inline void fill_event(struct flow_event *event, const struct packet *pkt)
{
	const struct connection *back = pkt->connection;
	union address client = back ? load_address(&back->client) : pkt->source;

	__builtin_memcpy(event->client, &client, sizeof(event->client));
	__builtin_memcpy(event->vip, pkt->service->key.address, sizeof(event->vip));
	event->client_port = back ? back->destination_port : pkt->source_port;
	event->vip_port = back ? back->source_port : pkt->destination_port;
	describe_backend(event, pkt);
	event->protocol = pkt->protocol;
	event->time_ns = read_clock();
	event->service_id = pkt->service_id;
	event->backend_id = pkt->backend_id;
	event->bytes = pkt->length_bytes;
}

static __always_inline void tell_event(const struct packet *pkt, enum flow_event_kind kind,
				       enum verdict verdict)
{
	__u32 index = 0;
	struct switches *wanted = bpf_map_lookup_elem(&switches, &index);
	struct flow_event *event;

	if (!wanted || read_clock() >= wanted->events_until_ns)
		return;
	event = bpf_ringbuf_reserve(&flow_events, sizeof(*event), 0);
	if (!event) {
		__sync_fetch_and_add(&wanted->lost_events, 1);
		return;
	}
	fill_event(event, pkt);
	event->kind = kind;
	event->verdict = verdict;
	bpf_ringbuf_submit(event, 0);
}
