// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* xxHash, 32 bits, as its specification has it (Collet, "xxHash fast digest
 * algorithm", doc/xxhash_spec.md). For lengths known to the compiler, so that
 * every loop unrolls.
 */
#pragma once

#define XXH_PRIME_1 0x9E3779B1U
#define XXH_PRIME_2 0x85EBCA77U
#define XXH_PRIME_3 0xC2B2AE3DU
#define XXH_PRIME_4 0x27D4EB2FU
#define XXH_PRIME_5 0x165667B1U

static __always_inline __u32 rotate_left(__u32 value, __u32 bits)
{
	return value << bits | value >> (32 - bits);
}

/* The specification reads little-endian words wherever it runs. */
static __always_inline __u32 read_word(const __u8 *data)
{
	__u32 word;

	__builtin_memcpy(&word, data, sizeof(word));
	return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? word : __builtin_bswap32(word);
}

static __always_inline __u32 mix_lane(__u32 lane, const __u8 *data)
{
	return rotate_left(lane + read_word(data) * XXH_PRIME_2, 13) * XXH_PRIME_1;
}

static __always_inline __u32 mix_stripes(const __u8 *data, __u32 length, __u32 seed)
{
	__u32 lanes[4] = {
		seed + XXH_PRIME_1 + XXH_PRIME_2,
		seed + XXH_PRIME_2,
		seed,
		seed - XXH_PRIME_1,
	};

#pragma unroll
	for (__u32 at = 0; at + 16 <= length; at += 16) {
		lanes[0] = mix_lane(lanes[0], data + at);
		lanes[1] = mix_lane(lanes[1], data + at + 4);
		lanes[2] = mix_lane(lanes[2], data + at + 8);
		lanes[3] = mix_lane(lanes[3], data + at + 12);
	}
	return rotate_left(lanes[0], 1) + rotate_left(lanes[1], 7) + rotate_left(lanes[2], 12) +
	       rotate_left(lanes[3], 18);
}

static __always_inline __u32 avalanche(__u32 hash)
{
	hash ^= hash >> 15;
	hash *= XXH_PRIME_2;
	hash ^= hash >> 13;
	hash *= XXH_PRIME_3;
	return hash ^ hash >> 16;
}

/* Returns the hash of the @length bytes at @input; @length is a constant. */
static __always_inline __u32 xxhash32(const void *input, __u32 length, __u32 seed)
{
	const __u8 *data = input;
	__u32 at = length & ~15U;
	__u32 hash = length < 16 ? seed + XXH_PRIME_5 : mix_stripes(data, length, seed);

	hash += length;
#pragma unroll
	for (; at + 4 <= length; at += 4)
		hash = rotate_left(hash + read_word(data + at) * XXH_PRIME_3, 17) * XXH_PRIME_4;
#pragma unroll
	for (; at < length; at++)
		hash = rotate_left(hash + data[at] * XXH_PRIME_5, 11) * XXH_PRIME_1;
	return avalanche(hash);
}
