// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* A backend's end of the tunnels: takes the outer header off, as ipip, sit, ip6_tunnel and fou
 * do in kernels that have them, and is as strict about what arrives. For the lab's tests.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>
#include <stdbool.h>
#include <stddef.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define GUE_PORT 6080
#define MOST_WORDS 760

enum arrival {
	ARRIVAL_PLAIN, /* no tunnel's packet: passed as it is */
	ARRIVAL_WRONG, /* a length or a checksum is not right: dropped */
	ARRIVAL_TUNNEL, /* and behind it: + 4 if GUE, + 2 if IPv6 outside, + 1 if IPv6 inside */
	ARRIVALS = ARRIVAL_TUNNEL + 8,
};

/* enum arrival -> packets; written here, read by the test. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, ARRIVALS);
	__type(key, __u32);
	__type(value, __u64);
} arrivals SEC(".maps");

struct tunnel {
	__u32 outer_bytes;
	__u8 protocol; /* what is inside, as the outer header says; IPPROTO_UDP: GUE */
	bool is_outer_ipv6;
	bool is_inner_ipv6;
};

static __always_inline bool sums_to_nothing(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum == 0xffff;
}

/* Returns the sum of all 16-bit words from @word on, an odd byte at the end included. */
static __always_inline __u64 sum_words(__u16 *word, void *end)
{
	__u64 sum = 0;

	for (int i = 0; i < MOST_WORDS; i++) {
		if ((void *)(word + 1) > end)
			break;
		sum += *word++;
	}
	if ((void *)word + 1 <= end)
		sum += bpf_htons(*(__u8 *)word << 8);
	return sum;
}

static __always_inline bool is_udp_right(struct udphdr *udp, void *end, __u64 address_sum,
					 bool is_ipv6)
{
	if ((void *)(udp + 1) > end || bpf_ntohs(udp->len) != end - (void *)udp)
		return false;
	if (!udp->check) /* only IPv4 does without */
		return !is_ipv6;
	return sums_to_nothing(address_sum + bpf_htons(IPPROTO_UDP) + udp->len +
			       sum_words((void *)udp, end));
}

static __always_inline bool is_outer_ipv4_right(struct iphdr *ip, void *end, struct tunnel *tunnel)
{
	if ((void *)(ip + 1) > end || ip->version != 4 || ip->ihl != 5 ||
	    bpf_ntohs(ip->tot_len) != end - (void *)ip ||
	    !sums_to_nothing(sum_words((void *)ip, ip + 1)))
		return false;
	tunnel->protocol = ip->protocol;
	tunnel->outer_bytes = sizeof(*ip);
	return ip->protocol != IPPROTO_UDP ||
	       is_udp_right((void *)(ip + 1), end, sum_words((void *)&ip->saddr, ip + 1), false);
}

static __always_inline bool is_outer_ipv6_right(struct ipv6hdr *ip6, void *end,
						struct tunnel *tunnel)
{
	if ((void *)(ip6 + 1) > end || ip6->version != 6 ||
	    bpf_ntohs(ip6->payload_len) != end - (void *)(ip6 + 1))
		return false;
	tunnel->protocol = ip6->nexthdr;
	tunnel->outer_bytes = sizeof(*ip6);
	return ip6->nexthdr != IPPROTO_UDP ||
	       is_udp_right((void *)(ip6 + 1), end, sum_words((void *)&ip6->saddr, ip6 + 1), true);
}

/* Is what is inside as long as it says, and of the family that the outer header says? */
static __always_inline bool is_inner_right(void *inner, void *end, struct tunnel *tunnel)
{
	struct ipv6hdr *ip6 = inner;
	struct iphdr *ip = inner;

	if (inner + sizeof(*ip) > end)
		return false;
	tunnel->is_inner_ipv6 = ip->version == 6;
	if (ip->version == 4)
		return tunnel->protocol != IPPROTO_IPV6 && bpf_ntohs(ip->tot_len) == end - inner;
	return ip->version == 6 && tunnel->protocol != IPPROTO_IPIP &&
	       inner + sizeof(*ip6) <= end &&
	       bpf_ntohs(ip6->payload_len) == end - (void *)(ip6 + 1);
}

static __always_inline bool is_tunnel(struct ethhdr *ethernet, void *end, bool is_ipv6)
{
	__u32 header_bytes = is_ipv6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
	struct udphdr *udp = (void *)(ethernet + 1) + header_bytes;
	__u8 protocol;

	if ((void *)(udp + 1) > end)
		return false;
	protocol = is_ipv6 ? ((struct ipv6hdr *)(ethernet + 1))->nexthdr
			   : ((struct iphdr *)(ethernet + 1))->protocol;
	return protocol == IPPROTO_IPIP || protocol == IPPROTO_IPV6 ||
	       (protocol == IPPROTO_UDP && udp->dest == bpf_htons(GUE_PORT));
}

static __always_inline bool take_off(struct xdp_md *ctx, const struct tunnel *tunnel)
{
	struct ethhdr link = *(struct ethhdr *)(long)ctx->data;
	struct ethhdr *ethernet;

	link.h_proto = bpf_htons(tunnel->is_inner_ipv6 ? ETH_P_IPV6 : ETH_P_IP);
	if (bpf_xdp_adjust_head(ctx, tunnel->outer_bytes))
		return false;
	ethernet = (void *)(long)ctx->data;
	if ((void *)(ethernet + 1) > (void *)(long)ctx->data_end)
		return false;
	*ethernet = link;
	return true;
}

static __always_inline enum arrival receive(struct xdp_md *ctx)
{
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *ethernet = (void *)(long)ctx->data;
	struct tunnel tunnel = {};
	bool is_gue;

	if ((void *)(ethernet + 1) > end)
		return ARRIVAL_WRONG;
	tunnel.is_outer_ipv6 = ethernet->h_proto == bpf_htons(ETH_P_IPV6);
	if ((!tunnel.is_outer_ipv6 && ethernet->h_proto != bpf_htons(ETH_P_IP)) ||
	    !is_tunnel(ethernet, end, tunnel.is_outer_ipv6))
		return ARRIVAL_PLAIN;
	if (tunnel.is_outer_ipv6 ? !is_outer_ipv6_right((void *)(ethernet + 1), end, &tunnel)
				 : !is_outer_ipv4_right((void *)(ethernet + 1), end, &tunnel))
		return ARRIVAL_WRONG;
	is_gue = tunnel.protocol == IPPROTO_UDP;
	tunnel.outer_bytes += is_gue * sizeof(struct udphdr);
	if (!is_inner_right((void *)(ethernet + 1) + tunnel.outer_bytes, end, &tunnel) ||
	    !take_off(ctx, &tunnel))
		return ARRIVAL_WRONG;
	return ARRIVAL_TUNNEL + is_gue * 4 + tunnel.is_outer_ipv6 * 2 + tunnel.is_inner_ipv6;
}

SEC("xdp")
int decapsulate(struct xdp_md *ctx)
{
	enum arrival arrival = receive(ctx);
	__u32 index = arrival;
	__u64 *count = bpf_map_lookup_elem(&arrivals, &index);

	if (count)
		__sync_fetch_and_add(count, 1);
	return arrival == ARRIVAL_WRONG ? XDP_DROP : XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
