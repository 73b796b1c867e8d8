// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* What happens a few times in a connection's life is done in functions of their own, which the
 * verifier walks once instead of once for each way to get there. They may be given a context
 * and no packet: what they need of it is noted in a scratch entry of the CPU.
 */
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
	struct connection connection; /* room to make one in: the stack has too little */
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

/* Notes @pkt for the slow function that is called next. */
static __always_inline void note_packet(const struct packet *pkt)
{
	struct note *note = find_note();

	if (!note)
		return;
	note->source = pkt->source;
	note->destination = pkt->destination;
	note->source_port = pkt->source_port;
	note->destination_port = pkt->destination_port;
	copy_mac(note->source_mac, pkt->ethernet->h_source);
	note->version = pkt->version;
	note->protocol = pkt->protocol;
	note->tcp_flags = pkt->tcp_flags;
	note->service_id = pkt->service_id;
	note->backend_id = pkt->backend_id;
	note->length_bytes = pkt->length_bytes;
}

/* Fills in @pkt as it was noted, with its service and backend, or NULL where they are not known
 * yet. Returns the note; NULL never happens, but the verifier cannot know.
 */
static __always_inline struct note *recall_packet(struct packet *pkt)
{
	struct note *note = find_note();

	if (!note)
		return NULL;
	pkt->source = note->source;
	pkt->destination = note->destination;
	pkt->source_port = note->source_port;
	pkt->destination_port = note->destination_port;
	pkt->version = note->version;
	pkt->protocol = note->protocol;
	pkt->tcp_flags = note->tcp_flags;
	pkt->service_id = note->service_id;
	pkt->backend_id = note->backend_id;
	pkt->length_bytes = note->length_bytes;
	pkt->service = bpf_map_lookup_elem(&services, &note->service_id);
	pkt->backend = bpf_map_lookup_elem(&backends, &note->backend_id);
	return note;
}
