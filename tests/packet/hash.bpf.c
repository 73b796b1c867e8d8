// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* xx_hash.h for itself: the hash of the packet's first bytes, of every length up to
 * LONGEST, is written behind them.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include "xx_hash.h"

#define LONGEST 40

const volatile __u32 seed = 0;

SEC("xdp")
int hash_prefixes(struct xdp_md *ctx)
{
	__u8 *data = (void *)(long)ctx->data;
	__u32 *hashes = (void *)(data + LONGEST);

	if ((void *)(hashes + LONGEST + 1) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
#pragma unroll
	for (int length = 0; length <= LONGEST; length++)
		hashes[length] = xxhash32(data, length, seed);
	return XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
