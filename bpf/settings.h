// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Settings: fixed when the program is loaded. The verifier sees their values and
 * prunes what they switch off, so a feature that is off costs nothing.
 */
#pragma once

#define NSEC_PER_SEC 1000000000ULL

/* Frames to other hosts, flooded by a bridge, are not ours. All zero: take any. */
const volatile __u8 interface_mac[6] __attribute__((aligned(4))) = {};

/* One line in the kernel's trace pipe for each packet; 100 ns each. */
const volatile bool debug = false;

/* bpf_ktime_get_coarse_ns() came with Linux commit d05512618056 (in v5.11). */
const volatile bool has_coarse_clock = true;

/* Below the host's ephemeral ports, so that its own connections never collide. */
const volatile __u16 nat_port_min = 10240;
const volatile __u16 nat_port_max = 32767;

/* net.ipv4.ip_local_port_range: where the host's own connections have their ports. */
const volatile __u16 local_port_min = 32768;
const volatile __u16 local_port_max = 60999;

/* Outer sources of tunnels: 172.16.0.0/16 and 100::/64 with a hash of the flow behind.
 * The latter is the discard prefix (RFC 6666); nobody answers to either.
 */
const volatile __u32 tunnel_source_ipv4 = 0xac100000;
const volatile __u32 tunnel_source_ipv6 = 0x01000000;

/* Number of places in service_index, a power of two, less one. */
const volatile __u32 service_index_mask = 0;

/* RFC 5382 REQ-5: an idle established TCP mapping lives at least 2 h 4 min, one
 * that is opening at least 4 min.
 */
const volatile __u32 tcp_established_s = 7440;
const volatile __u32 tcp_opening_s = 240;

/* Linux keeps a closed connection in TIME_WAIT that long (TCP_TIMEWAIT_LEN). */
const volatile __u32 tcp_closed_s = 60;

/* RFC 4787 REQ-5: at least 2 min, 5 min recommended. */
const volatile __u32 udp_idle_s = 300;
