// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Service: found by address, port and protocol without a hash map (10 ns): user
 * space puts each service in one of two places of an array, so a look is a load.
 */
#pragma once

#define INDEX_MULTIPLIER 0x9E3779B97F4A7C15ULL

static __always_inline bool is_same_key(const struct service_key *a, const struct service_key *b)
{
	return a->address[3] == b->address[3] && a->port == b->port && a->protocol == b->protocol &&
	       a->address[2] == b->address[2] && a->address[1] == b->address[1] &&
	       a->address[0] == b->address[0];
}

static __always_inline __u64 hash_address(const struct service_key *key)
{
	__u64 hash = INDEX_MULTIPLIER;

#pragma unroll
	for (int i = 0; i < 4; i++)
		hash = (hash ^ key->address[i]) * INDEX_MULTIPLIER;
	return hash;
}

/* Keeps the service at @place of the index in @pkt if it is @key's. */
static __always_inline bool is_service_at(struct packet *pkt, __u32 place,
					  const struct service_key *key)
{
	__u32 *entry = bpf_map_lookup_elem(&service_index, &place);
	struct service *service;
	__u32 id;

	if (!entry || !*entry)
		return false;
	id = *entry - 1;
	service = bpf_map_lookup_elem(&services, &id);
	if (!service || !is_same_key(&service->key, key))
		return false;
	pkt->service = service;
	pkt->service_id = id;
	return true;
}

static __always_inline bool has_service(struct packet *pkt, __u64 address_hash,
					const struct service_key *key)
{
	__u64 hash = (address_hash ^ ((__u32)key->protocol << 16 | key->port)) * INDEX_MULTIPLIER;

	return is_service_at(pkt, hash >> 48 & service_index_mask, key) ||
	       is_service_at(pkt, hash >> 32 & service_index_mask, key);
}

/* Looks up the service that @pkt is for: that of its port before that of any port.
 * VERDICT_NEXT, or why the packet is none of ours.
 */
static __always_inline enum verdict find_service(struct packet *pkt)
{
	struct service_key key = {
		.address = { 0, 0, bpf_htonl(0xffff), pkt->flow.destination },
		.port = pkt->flow.destination_port,
		.protocol = pkt->flow.protocol,
	};
	__u64 address_hash = hash_address(&key);

	if (has_service(pkt, address_hash, &key))
		return VERDICT_NEXT;
	key.port = 0;
	if (has_service(pkt, address_hash, &key))
		return VERDICT_NEXT;
	return VERDICT_PASS_NO_SERVICE;
}

static __always_inline struct bpf_sock *find_socket(struct packet *pkt)
{
	struct bpf_sock_tuple tuple = {
		.ipv4 = {
			.saddr = pkt->flow.source,
			.daddr = pkt->flow.destination,
			.sport = pkt->flow.source_port,
			.dport = pkt->flow.destination_port,
		},
	};

	if (pkt->is_tcp)
		return bpf_skc_lookup_tcp(pkt->ctx, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS,
					  0);
	return bpf_sk_lookup_udp(pkt->ctx, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 0);
}

/* Is @pkt a reply to a connection of the host's own, which an any-port service on the
 * host's address would swallow?
 */
static __always_inline bool is_for_local_socket(struct packet *pkt)
{
	__u16 port = bpf_ntohs(pkt->flow.destination_port);
	struct bpf_sock *socket;

	if (!(pkt->service->flags & SERVICE_SHARES_HOST))
		return false;
	if (port < local_port_min || port > local_port_max)
		return false;
	socket = find_socket(pkt);
	if (!socket)
		return false;
	bpf_sk_release(socket);
	return true;
}
