// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Service: found by address, port and protocol without a hash map (10 ns): user
 * space puts each service in one of two places of an array, so a look is a load.
 */
#pragma once

/* Neighbours differ in their last byte, which is the first of a half where little-endian words are
 * read: a multiplication takes it nowhere, so it is folded back for that of hash_key().
 */
static __always_inline __u64 hash_address(union address address)
{
	__u64 hash = (address.halves[0] ^ MIX_1) * MIX_2 + (address.halves[1] ^ MIX_2) * MIX_1;

	return hash ^ hash >> 32;
}

static __always_inline __u64 hash_key(__u64 address_hash, __u64 protocol, __be16 port)
{
	return (address_hash ^ (protocol << 16 | port)) * MIX_1;
}

static __always_inline __u32 first_place(__u64 hash)
{
	return hash >> 48 & service_index_mask;
}

static __always_inline __u32 second_place(__u64 hash)
{
	return hash >> 32 & service_index_mask;
}

/* Most packets that are not ours are not for any VIP: a bit of 4,096 tells. */
static __always_inline bool may_be_vip(__u64 address_hash)
{
	struct directory *filter = read_directory();

	return filter && filter->vip_filter[address_hash >> 58] >> (address_hash >> 52 & 63) & 1;
}

static __always_inline bool is_service_for(const struct service *service, const struct packet *pkt,
					   __be16 port)
{
	return is_same_address(load_address(&service->key.address), pkt->destination) &&
	       service->key.port == port && service->key.protocol == pkt->protocol;
}

/* Keeps the service at @place of the index in @pkt if it is the one for it. */
static __always_inline bool is_service_at(struct packet *pkt, __u32 place, __be16 port)
{
	__u32 *entry = bpf_map_lookup_elem(&service_index, &place);
	struct service *service;
	__u32 id;

	if (!entry || !*entry || *entry & INDEX_BACKEND)
		return false;
	id = *entry - 1;
	service = bpf_map_lookup_elem(&services, &id);
	if (!service || !is_service_for(service, pkt, port))
		return false;
	pkt->service = service;
	pkt->service_id = id;
	return true;
}

static __always_inline bool has_service(struct packet *pkt, __u64 address_hash, __be16 port)
{
	__u64 hash = hash_key(address_hash, pkt->protocol, port);

	return is_service_at(pkt, first_place(hash), port) ||
	       is_service_at(pkt, second_place(hash), port);
}

/* Looks up the service that @pkt is for: that of its port before that of any port. An echo
 * reply, which has a destination port where a request has none, is for none.
 */
static __always_inline bool find_service(struct packet *pkt)
{
	__u64 address_hash = hash_address(pkt->destination);

	if (!may_be_vip(address_hash))
		return false;
	return has_service(pkt, address_hash, pkt->destination_port) ||
	       (pkt->destination_port && !is_echo(pkt) && has_service(pkt, address_hash, 0));
}
