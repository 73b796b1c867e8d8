// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Incremental Internet checksums (RFC 1624, equation 3): a packet that came with a
 * wrong checksum leaves with a wrong one, and its payload is never read.
 */
#pragma once

/* Adds to @sum what turning @from into @to does to a checksum. */
static __always_inline __u64 add_change64(__u64 sum, __u64 from, __u64 to)
{
	return sum + (__u32)~from + (__u32)(~from >> 32) + (__u32)to + (__u32)(to >> 32);
}

static __always_inline __u64 add_change16(__u64 sum, __u16 from, __u16 to)
{
	return sum + (__u16)~from + to;
}

static __always_inline __u16 fold_checksum(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* Returns @checksum after the changes summed up in @change. */
static __always_inline __sum16 update_checksum(__sum16 checksum, __u64 change)
{
	return ~fold_checksum((__u16)~checksum + change);
}
