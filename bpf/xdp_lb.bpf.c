// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* xdplb's data plane: a layer-4 load balancer at XDP. The headers below stand in the
 * order in which a packet meets them; docs/packet.md tells the way in prose.
 */
#include "vmlinux.h"
#include <stdbool.h>
#include <stddef.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

#include "abi.h"
#include "settings.h"
#include "maps.h"
#include "xx_hash.h"
#include "checksum.h"
#include "packet.h"
#include "ethernet.h"
#include "network.h"
#include "note.h"
#include "quote.h"
#include "transport.h"
#include "flow.h"
#include "service.h"
#include "slow.h"
#include "socket.h"
#include "connection.h"
#include "schedule.h"
#include "translate.h"
#include "error.h"
#include "nat.h"
#include "tell.h"
#include "begin.h"
#include "follow.h"
#include "reply.h"
#include "dnat.h"
#include "steer.h"
#include "inner.h"
#include "encapsulate.h"
#include "forward.h"
#include "verdict.h"

/* Finds out where @pkt, which is parsed, has to go. */
static __always_inline enum verdict find_way(struct packet *pkt)
{
	enum verdict verdict;

	if (is_nat_answer(pkt))
		return answer_client(pkt);
	if (find_service(pkt))
		return forward_to_backend(pkt);
	if ((verdict = find_dnat_answer(pkt)))
		return verdict;
	return answer_client(pkt);
}

static __always_inline enum verdict balance(struct packet *pkt)
{
	enum verdict verdict;

	if ((verdict = parse_packet(pkt)))
		return verdict;
	verdict = find_way(pkt);
	if (!pkt->to.next_hop)
		return verdict;
	if (is_error(pkt))
		translate_error(pkt);
	else
		translate(pkt);
	return verdict;
}

SEC("xdp")
int xdp_lb(struct xdp_md *ctx)
{
	struct packet pkt = PACKET_OF(ctx);

	return conclude(&pkt, balance(&pkt));
}

char _license[] SEC("license") = "Dual BSD/GPL";
