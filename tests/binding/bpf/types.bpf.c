// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Every kind of type that has, or has not, a codec. */
#include <stdbool.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

enum color {
	COLOR_RED,
	COLOR_BLUE = 7,
};

enum signed_one {
	MINUS = -1,
	PLUS = 1,
};

struct inner {
	__s16 low;
	__u8 pair[2];
};

struct mixed {
	__u8 first;
	__be16 port;
	__be32 hosts[2];
	__u64 wide;
	bool yes;
	char text[5];
	enum color color;
	enum signed_one sign;
	struct inner inner;
	struct inner several[2];
	union {
		__be32 v4;
		__be32 v6[4];
	};
	struct {
		__u16 anonymous_one;
		__u16 anonymous_two;
	};
	__u32 from;
	__s8 numbers[3];
	__u8 _last;
};

struct bits {
	__u32 three : 3;
	__u32 rest : 29;
};

struct plain {
	__u32 one;
	__u32 two;
};

const volatile struct mixed mixed;
const volatile struct bits bits;
const volatile struct plain plain;
const volatile __s32 negative = -5;
const volatile __be16 service_port;
const volatile __u64 table[2][3] = { { 1, 2, 3 }, { 4, 5, 6 } };
const volatile __int128 huge = -1;
const volatile char name[16] = "unset";
const volatile __u8 key[4];

SEC("xdp")
int entry(struct xdp_md *ctx)
{
	return plain.one + mixed.first + bits.three + negative + service_port + table[0][0] +
	       (int)huge + name[0] + key[0];
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
