// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* The host's own sockets, which an any-port service on the host's address would rob. */
#pragma once

static __always_inline __u32 fill_tuple(const struct packet *pkt, struct bpf_sock_tuple *tuple)
{
	if (is_ipv6(pkt)) {
		__builtin_memcpy(tuple->ipv6.saddr, &pkt->source, sizeof(tuple->ipv6.saddr));
		__builtin_memcpy(tuple->ipv6.daddr, &pkt->destination, sizeof(tuple->ipv6.daddr));
		tuple->ipv6.sport = pkt->source_port;
		tuple->ipv6.dport = pkt->destination_port;
		return sizeof(tuple->ipv6);
	}
	tuple->ipv4.saddr = pkt->source.words[3];
	tuple->ipv4.daddr = pkt->destination.words[3];
	tuple->ipv4.sport = pkt->source_port;
	tuple->ipv4.dport = pkt->destination_port;
	return sizeof(tuple->ipv4);
}

/* Is there a socket of the host's own for the noted packet? */
__noinline int has_socket(struct xdp_md *ctx)
{
	struct packet pkt = PACKET_OF(ctx);
	struct bpf_sock_tuple tuple = {};
	struct bpf_sock *socket;
	__u32 size;

	if (!recall_packet(&pkt))
		return false;
	size = fill_tuple(&pkt, &tuple);
	if (is_tcp(&pkt))
		socket = bpf_skc_lookup_tcp(ctx, &tuple, size, BPF_F_CURRENT_NETNS, 0);
	else
		socket = bpf_sk_lookup_udp(ctx, &tuple, size, BPF_F_CURRENT_NETNS, 0);
	if (!socket)
		return false;
	bpf_sk_release(socket);
	return true;
}

/* Is @pkt a reply to a connection of the host's own? */
static __always_inline bool is_for_local_socket(const struct packet *pkt)
{
	__u16 port = forget(bpf_ntohs(pkt->destination_port), pkt->length_bytes);

	if (!(pkt->service->flags & SERVICE_SHARES_HOST))
		return false;
	if (port < local_port_min || port > local_port_max)
		return false;
	note_packet(pkt);
	return has_socket(pkt->ctx);
}
