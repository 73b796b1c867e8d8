// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* A scratch entry of the CPU, by which functions that are given no packet hear of it (slow.h). */
#pragma once

/* What is noted: numbers only, since a map may hold no packet pointer. */
struct note {
	union address source;
	union address destination;
	__be16 source_port;
	__be16 destination_port;
	__u16 source_mac[3];
	__u16 version;
	__u32 protocol;
	__u32 tcp_flags;
	__u32 service_id;
	__u32 backend_id;
	__u32 length_bytes;
	/* Of an ICMP error that is translated. */
	union address to_source;
	union address to_destination;
	__be16 to_source_port;
	__be16 to_destination_port;
	__u16 link_bytes;
	__u16 transport_offset;
	__u16 quoted_offset;
	/* Room to make these in: the stack has too little. */
	struct connection connection;
	struct bpf_fib_lookup route;
};

/* One packet's note, per CPU: the program writes and reads. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, struct note);
	__uint(max_entries, 1);
} notes SEC(".maps");

static __always_inline struct note *find_note(void)
{
	__u32 index = 0;

	return bpf_map_lookup_elem(&notes, &index);
}

static __always_inline void note_flow(const struct packet *pkt, struct note *note)
{
	note->source = pkt->source;
	note->destination = pkt->destination;
	note->source_port = pkt->source_port;
	note->destination_port = pkt->destination_port;
	note->protocol = pkt->protocol;
}

static __always_inline void recall_flow(struct packet *pkt, const struct note *note)
{
	pkt->source = note->source;
	pkt->destination = note->destination;
	pkt->source_port = note->source_port;
	pkt->destination_port = note->destination_port;
	pkt->protocol = note->protocol;
}
