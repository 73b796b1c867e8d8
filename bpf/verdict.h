// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Verdicts: the one exit, where each packet is counted and turned into an XDP action. */
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

/* Counts @pkt and returns its XDP action. */
static __always_inline int conclude(struct packet *pkt, enum verdict verdict)
{
	count_packet(pkt, verdict);
	if (debug)
		bpf_printk("xdplb: verdict %d, service %d, backend %d", verdict,
			   (int)pkt->service_id, (int)pkt->backend_id);
	if (is_dropped(verdict))
		return XDP_DROP;
	return verdict >= VERDICT_TX_NAT ? XDP_TX : XDP_PASS;
}
