// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* The maps. Their sizes are what an attachment has by default; each can be chosen
 * when the object is loaded.
 */
#pragma once

#define DEFAULT_SERVICES 128
#define DEFAULT_BACKENDS 512
#define DEFAULT_CONNECTIONS 131072
#define DEFAULT_PLACES 4096
#define DEFAULT_TABLE_SIZE 16381
#define DEFAULT_SLOTS (DEFAULT_SERVICES * DEFAULT_TABLE_SIZE)

/* Place → service id + 1, 0 where none stands: user space puts each service in one of
 * two places (cuckoo hashing), the program reads. Four places a service or backend or more.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, __u32);
	__uint(max_entries, DEFAULT_PLACES);
} service_index SEC(".maps");

/* Service id → service: user space writes, the program reads. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, struct service);
	__uint(max_entries, DEFAULT_SERVICES);
} services SEC(".maps");

/* Backend id → backend, an entry for each backend of each service: user space writes,
 * the program reads.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, struct backend);
	__uint(max_entries, DEFAULT_BACKENDS);
} backends SEC(".maps");

/* The tables of all services one behind the other → the backends of a hash value: user
 * space stores 64 bits at a time through a mapping, the program reads.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct slot);
	__uint(max_entries, DEFAULT_SLOTS);
} slots SEC(".maps");

/* Flow → what becomes of its packets, an entry for each direction: the program writes
 * and reads. One LRU map for all CPUs, since a reply may arrive on another queue.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__type(key, struct flow);
	__type(value, struct connection);
	__uint(max_entries, 2 * DEFAULT_CONNECTIONS);
} connections SEC(".maps");

/* Verdict → packets and bytes that ended so, per CPU: the program writes. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, struct counter);
	__uint(max_entries, VERDICT_COUNT);
} verdict_counters SEC(".maps");

/* Service id → its traffic, per CPU: the program writes. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, struct flow_counter);
	__uint(max_entries, DEFAULT_SERVICES);
} service_counters SEC(".maps");

/* Backend id → its traffic, per CPU: the program writes. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, struct flow_counter);
	__uint(max_entries, DEFAULT_BACKENDS);
} backend_counters SEC(".maps");

/* Service id → turns taken by its round robin, per CPU: the program writes. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, __u32);
	__uint(max_entries, DEFAULT_SERVICES);
} service_turns SEC(".maps");

/* What the program asks before all tables; one entry: user space writes, the program reads. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, struct directory);
	__uint(max_entries, 1);
} directory SEC(".maps");

/* What user space may switch while packets flow; one entry. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, struct switches);
	__uint(max_entries, 1);
} switches SEC(".maps");

/* struct flow_event: the program writes while somebody reads. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} flow_events SEC(".maps");

/* Nothing else names the struct in the object's BTF, where readers look it up. */
struct flow_event *unused_flow_event __attribute__((unused));
