// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* What happens a few times in a connection's life is done in functions of their own, which the
 * verifier walks once instead of once for each way to get there. They may be given a context
 * and no packet: what they need of it is noted in a scratch entry of the CPU.
 */
#pragma once

/* Notes @pkt for the slow function that is called next. */
static __always_inline void note_packet(const struct packet *pkt)
{
	struct note *note = find_note();

	if (!note)
		return;
	note_flow(pkt, note);
	copy_mac(note->source_mac, pkt->ethernet->h_source);
	note->version = pkt->version;
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
	recall_flow(pkt, note);
	pkt->version = note->version;
	pkt->tcp_flags = note->tcp_flags;
	pkt->service_id = note->service_id;
	pkt->backend_id = note->backend_id;
	pkt->length_bytes = note->length_bytes;
	pkt->service = bpf_map_lookup_elem(&services, &note->service_id);
	pkt->backend = bpf_map_lookup_elem(&backends, &note->backend_id);
	return note;
}

/* Notes what an ICMP error is turned into, and where its parts are. */
static __always_inline void note_translation(const struct packet *pkt)
{
	struct note *note = find_note();

	if (!note)
		return;
	note->to_source = pkt->to.source;
	note->to_destination = pkt->to.destination;
	note->to_source_port = pkt->to.source_port;
	note->to_destination_port = pkt->to.destination_port;
	note->link_bytes = pkt->link_bytes;
	note->transport_offset = pkt->transport_offset;
	note->quoted_offset = pkt->quoted_offset;
}

static __always_inline void recall_translation(struct packet *pkt, const struct note *note)
{
	pkt->ethernet = find_bounds(pkt);
	pkt->to.source = note->to_source;
	pkt->to.destination = note->to_destination;
	pkt->to.source_port = note->to_source_port;
	pkt->to.destination_port = note->to_destination_port;
	pkt->link_bytes = note->link_bytes;
	pkt->transport_offset = note->transport_offset;
	pkt->quoted_offset = note->quoted_offset;
}
