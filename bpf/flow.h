// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Flows: the keys of the connection table, 16 bytes for IPv4 and IPv6 alike. Two IPv6
 * flows with one key are as likely as 64 equal bits; an entry has its client's address in
 * full, so that one is never taken for the other.
 */
#pragma once

#define MIX_1 0x9E3779B97F4A7C15ULL
#define MIX_2 0xC2B2AE3D27D4EB4FULL
#define MIX_3 0x165667B19E3779F9ULL
#define MIX_4 0x27D4EB2F165667C5ULL

static __always_inline struct directory *read_directory(void)
{
	__u32 index = 0;

	return bpf_map_lookup_elem(&directory, &index);
}

/* Four multiplications that do not wait for one another. */
static __always_inline __u64 mix_addresses(union address source, union address destination)
{
	struct directory *secret = read_directory();
	__u64 key = secret ? secret->flow_key : 0;
	__u64 a = (source.halves[0] ^ key) * MIX_1;
	__u64 b = (source.halves[1] + key) * MIX_2;
	__u64 c = (destination.halves[0] ^ ~key) * MIX_3;
	__u64 d = (destination.halves[1] - key) * MIX_4;

	a = (a ^ a >> 32) + (b ^ b >> 29);
	c = (c ^ c >> 31) + (d ^ d >> 33);
	return (a ^ c >> 17) * MIX_1 ^ c;
}

/* Returns two ports as the word they make in memory. */
static __always_inline __u32 join_ports(__be16 first, __be16 second)
{
	if (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
		return first | (__u32)second << 16;
	return (__u32)first << 16 | second;
}

static __always_inline struct flow make_flow(const struct packet *pkt, union address source,
					     union address destination, __be16 source_port,
					     __be16 destination_port)
{
	__u32 protocol = pkt->protocol;
	struct flow flow;

	if (is_ipv6(pkt)) {
		flow.addresses = mix_addresses(source, destination);
		protocol |= FLOW_IPV6;
	} else {
		flow.addresses = source.words[3] | (__u64)destination.words[3] << 32;
	}
	/* In one store: the map's hash reads words, and would wait for two halves of one. */
	*(__u32 *)&flow.source_port = join_ports(source_port, destination_port);
	flow.protocol = protocol;
	return flow;
}

static __always_inline struct flow flow_of(const struct packet *pkt)
{
	return make_flow(pkt, pkt->source, pkt->destination, pkt->source_port,
			 pkt->destination_port);
}

/* By HASH_ON_*, a bit each: is it hashed on? */
#define HASHES_ADDRESS (1 << HASH_ON_FLOW | 1 << HASH_ON_SOURCE_ADDRESS)
#define HASHES_SOURCE_PORT (1 << HASH_ON_FLOW | 1 << HASH_ON_SOURCE_PORT)
#define HASHES_DESTINATION_PORT (1 << HASH_ON_FLOW | 1 << HASH_ON_DESTINATION_PORT)

/* What a scheduler hashes: the parts that the service does not hash on are zero. */
struct hash_words {
	__u64 address[2];
	__be16 source_port;
	__be16 destination_port;
};

/* Without branches: each would double what the verifier walks behind it. */
static __always_inline struct hash_words select_words(const struct packet *pkt, __u32 hash_on)
{
	__u64 address_mask = -(__u64)(HASHES_ADDRESS >> hash_on & 1);
	struct hash_words words = {
		.address = { pkt->source.halves[0] & address_mask,
			     pkt->source.halves[1] & address_mask },
		.source_port = pkt->source_port * (HASHES_SOURCE_PORT >> hash_on & 1),
		.destination_port =
			pkt->destination_port * (HASHES_DESTINATION_PORT >> hash_on & 1),
	};

	return words;
}

static __always_inline __u32 hash_words(const struct packet *pkt, const struct hash_words *words)
{
	struct directory *secret = read_directory();
	__u32 seed = secret ? secret->hash_seed : 0;

	if (is_ipv6(pkt))
		return xxhash32(words, 20, seed);
	return xxhash32((__u8 *)words + 12, 8, seed);
}

/* Returns the xxhash32 of what @pkt's service hashes on: 8 bytes in IPv4, 20 in IPv6. The
 * seed is not the service's, nor are the words in the usual case: the CPU then has the hash by
 * the time the service is found.
 */
static __always_inline __u32 hash_flow(const struct packet *pkt)
{
	struct hash_words words = select_words(pkt, HASH_ON_FLOW);

	if (pkt->service->hash_on != HASH_ON_FLOW)
		words = select_words(pkt, pkt->service->hash_on & 3);
	return hash_words(pkt, &words);
}
