// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Verdicts: the one exit, where each packet is counted, told of and turned into an
 * XDP action.
 */
#pragma once

static __always_inline void count_flow(void *map, __u32 id, const struct packet *pkt)
{
	struct flow_counter *counter = bpf_map_lookup_elem(map, &id);

	if (!counter)
		return;
	counter->packets++;
	counter->bytes += pkt->length_bytes;
	counter->new_connections += pkt->is_new;
}

static __always_inline void count_packet(const struct packet *pkt, enum verdict verdict)
{
	__u32 index = verdict;
	struct counter *counter = bpf_map_lookup_elem(&verdict_counters, &index);

	if (counter) {
		counter->packets++;
		counter->bytes += pkt->length_bytes;
	}
	if (pkt->service_id == ID_NONE)
		return;
	count_flow(&service_counters, pkt->service_id, pkt);
	if (pkt->backend_id != ID_NONE)
		count_flow(&backend_counters, pkt->backend_id, pkt);
}

static __always_inline bool is_dropped(enum verdict verdict)
{
	return verdict >= VERDICT_DROP_MALFORMED && verdict < VERDICT_TX_NAT;
}

static __always_inline void map_ipv4(__be32 *mapped, __be32 address)
{
	mapped[0] = 0;
	mapped[1] = 0;
	mapped[2] = bpf_htonl(0xffff);
	mapped[3] = address;
}

/* Describes the connection of a packet from the client. */
static __always_inline void describe_request(struct flow_event *event, const struct packet *pkt)
{
	const struct connection *connection = pkt->connection;

	map_ipv4(event->client, pkt->flow.source);
	map_ipv4(event->vip, pkt->flow.destination);
	map_ipv4(event->backend, connection ? connection->destination : 0);
	event->client_port = pkt->flow.source_port;
	event->vip_port = pkt->flow.destination_port;
	event->backend_port = connection ? connection->destination_port : 0;
}

/* Describes the connection of a packet from the backend, as the client sees it. */
static __always_inline void describe_reply(struct flow_event *event, const struct packet *pkt)
{
	map_ipv4(event->client, pkt->connection->destination);
	map_ipv4(event->vip, pkt->connection->source);
	map_ipv4(event->backend, pkt->flow.source);
	event->client_port = pkt->connection->destination_port;
	event->vip_port = pkt->connection->source_port;
	event->backend_port = pkt->flow.source_port;
}

static __always_inline void fill_event(struct flow_event *event, struct packet *pkt)
{
	if (pkt->connection && pkt->connection->flags & CONNECTION_REPLY)
		describe_reply(event, pkt);
	else
		describe_request(event, pkt);
	event->protocol = pkt->flow.protocol;
	event->time_ns = read_clock(pkt);
	event->service_id = pkt->service_id;
	event->backend_id = pkt->backend_id;
	event->bytes = pkt->length_bytes;
}

/* Tells whoever reads flow_events, if anybody does. */
static __always_inline void tell_event(struct packet *pkt, enum flow_event_kind kind,
				       enum verdict verdict)
{
	__u32 index = 0;
	struct switches *wanted = bpf_map_lookup_elem(&switches, &index);
	struct flow_event *event;

	if (!wanted || read_clock(pkt) >= wanted->events_until_ns)
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

static __always_inline void tell_packet(struct packet *pkt, enum verdict verdict)
{
	if (debug)
		bpf_printk("xdplb: verdict %d, service %d, backend %d", verdict,
			   (int)pkt->service_id, (int)pkt->backend_id);
	if (pkt->is_new)
		tell_event(pkt, FLOW_EVENT_NEW, verdict);
	if (pkt->is_last)
		tell_event(pkt, FLOW_EVENT_CLOSED, verdict);
	if (pkt->service && is_dropped(verdict))
		tell_event(pkt, FLOW_EVENT_REFUSED, verdict);
}

/* Counts @pkt, tells of it and returns its XDP action. */
static __always_inline int conclude(struct packet *pkt, enum verdict verdict)
{
	count_packet(pkt, verdict);
	tell_packet(pkt, verdict);
	if (is_dropped(verdict))
		return XDP_DROP;
	return verdict >= VERDICT_TX_NAT ? XDP_TX : XDP_PASS;
}
