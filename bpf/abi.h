// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * What the data plane and user space must both know: keys, values, events and
 * verdicts. No includes: clang compiles this text for BPF and cffi reads it for
 * Python, so that neither side keeps a second list. Addresses are 16 bytes in
 * network order, IPv4 as ::ffff:a.b.c.d.
 */

enum limits {
	NAME_LENGTH = 64, /* of a service's name, with its NUL */
	BACKEND_NAME_LENGTH = 24,
	FILTER_WORDS = 64,
};

/* Why a packet ended as it did: return value of each stage, index of the
 * counters, label of the metric, word in an event. Append only: counters and
 * event readers of a running attachment go by number.
 */
enum verdict {
	VERDICT_NEXT, /* not final: the next stage goes on */

	VERDICT_PASS_OTHER_HOST, /* the frame is not addressed to this interface */
	VERDICT_PASS_OTHER_PROTOCOL, /* none that is balanced */
	VERDICT_PASS_FRAGMENT, /* no ports in it to go by */
	VERDICT_PASS_NO_SERVICE, /* no service has this address and port */
	VERDICT_PASS_LOCAL_SOCKET, /* a reply to the host's own connection */
	VERDICT_PASS_NO_CONNECTION, /* an ICMP error about a connection nobody remembers */

	VERDICT_DROP_MALFORMED, /* a header is cut short or contradicts itself */
	VERDICT_DROP_TTL_EXPIRED, /* it may not be routed any further */
	VERDICT_DROP_NO_BACKEND, /* the service has none that is up */
	VERDICT_DROP_NO_NEIGHBOUR, /* the backend's MAC is not known yet */
	VERDICT_DROP_NO_CONNECTION, /* a reset of a connection nobody remembers */
	VERDICT_DROP_NO_NAT_PORT, /* every source port tried towards the backend is in use */
	VERDICT_DROP_TABLE_FULL, /* the connection could not be remembered */
	VERDICT_DROP_OTHER_BACKEND, /* from a backend that the client is not associated with */
	VERDICT_DROP_NO_HEADROOM, /* the driver leaves no room for the outer header */
	VERDICT_DROP_NO_CHECKSUM, /* UDP over IPv6 needs one, and the inner packet has none */

	VERDICT_TX_NAT, /* translated, to a backend */
	VERDICT_TX_DNAT,
	VERDICT_TX_DSR, /* as it came, to a backend */
	VERDICT_TX_IPIP, /* in an outer header, to a backend */
	VERDICT_TX_GUE,
	VERDICT_TX_REPLY, /* translated back, to the client */

	VERDICT_COUNT,
};

enum forwarding_mode {
	MODE_NAT,
	MODE_DNAT,
	MODE_DSR,
	MODE_IPIP,
	MODE_GUE,
};

enum scheduler {
	SCHEDULER_MAGLEV,
	SCHEDULER_HASH,
	SCHEDULER_ROUND_ROBIN,
	SCHEDULER_LEAST_CONNECTIONS,
};

/* What a scheduler hashes. */
enum hash_input {
	HASH_ON_FLOW,
	HASH_ON_SOURCE_ADDRESS,
	HASH_ON_SOURCE_PORT,
	HASH_ON_DESTINATION_PORT,
};

/* In slot.previous: the slot moved and the drain time is not over. */
enum slot_flag {
	SLOT_MOVED = 0x40000000,
};

enum service_flag {
	SERVICE_PRESENT = 1, /* the record is in use */
	SERVICE_SHARES_HOST = 2, /* any port of the host's own address: look for sockets */
};

enum backend_flag {
	BACKEND_PRESENT = 1, /* the record is in use */
	BACKEND_UP = 2, /* may be sent packets */
	BACKEND_DRAINING = 4, /* keeps its connections, gets no new ones */
	BACKEND_STATIC_MAC = 8, /* the MAC was given, not looked up */
};

enum connection_flag {
	CONNECTION_REPLY = 1, /* the entry is that of the way back */
};

/* What was heard from one side of a connection. */
enum heard {
	HEARD_PACKET = 1,
	HEARD_FIN = 2,
	HEARD_RESET = 4,
};

enum flow_event_kind {
	FLOW_EVENT_NEW, /* a connection was given a backend */
	FLOW_EVENT_CLOSED, /* FIN both ways, or a reset */
	FLOW_EVENT_REFUSED, /* a new connection was dropped; the verdict says why */
};

/* In service_index: the entry is a backend's, which a dnat service is to be found by. */
enum index_flag {
	INDEX_BACKEND = 0x40000000,
};

/* What a packet must match; port 0: any. */
struct service_key {
	__be32 address[4];
	__be16 port;
	__u8 protocol; /* IPPROTO_* */
	__u8 reserved;
};

/* A VIP, port and protocol, and how it is balanced. */
struct service {
	struct service_key key;
	__u32 flags; /* SERVICE_* */
	__u32 first_slot; /* its table is slots[first_slot .. first_slot + slot_count) */
	__u32 slot_count;
	__u32 moved_s; /* CLOCK_MONOTONIC: when slots of it moved last; 0: all are settled */
	__u8 mode; /* MODE_* */
	__u8 scheduler; /* SCHEDULER_* */
	__u8 hash_on; /* HASH_ON_* */
	__u8 reserved;
	__u32 backend_count; /* of those that may get new connections */
	__be32 nat_address[4]; /* source of what goes to the backends in mode nat */
	__u32 reserved2;
	char name[NAME_LENGTH];
};

/* One backend of one service. */
struct backend {
	__be32 address[4];
	__u8 mac[6]; /* of the next hop; all zero while unresolved */
	__be16 port; /* 0: keep the port the client asked for */
	__u32 flags; /* BACKEND_* */
	__u32 weight;
	__u32 service_id;
	__u32 generation; /* another one each time the id is given to another backend */
	char name[BACKEND_NAME_LENGTH];
};

/* Which backend a hash value leads to. Written in one 64-bit store. */
struct slot {
	__u32 current; /* backend id */
	__u32 previous; /* backend id, with SLOT_MOVED while connections may still be there */
};

/* A direction of a connection, as its packets arrive: 16 bytes for both families, since
 * a longer key costs more wherever it is not in the cache.
 */
struct flow {
	__u64 addresses; /* IPv4: source and destination; IPv6: a keyed hash of the two */
	__be16 source_port;
	__be16 destination_port;
	__u32 protocol; /* IPPROTO_*, with FLOW_IPV6; a whole word, since maps hash words */
};

enum flow_flag {
	FLOW_IPV6 = 256,
};

/* What becomes of the packets of one direction of a connection. Where it goes is the
 * backend's address, or the client's on the way back.
 */
struct connection {
	__u64 last_seen_ns; /* CLOCK_MONOTONIC; a second behind or so, see refreshed_jiffies */
	__be32 client[4];
	__be16 source_port; /* what the ports are turned into */
	__be16 destination_port;
	__u8 mac[6]; /* way back: where the client's packets came from */
	__u8 heard_client; /* HEARD_*; a byte for each side, since two CPUs may write at once */
	__u8 heard_backend;
	__u32 flags; /* CONNECTION_* */
	__u32 idle_limit_s; /* unseen for longer, it is over; 0: it was reset */
	__u32 service_id;
	__u32 backend_id;
	__u32 generation; /* of the backend that the id meant */
	__u32 refreshed_jiffies; /* when last_seen_ns was written */
	__u32 reserved;
};

struct counter {
	__u64 packets;
	__u64 bytes;
};

struct flow_counter {
	__u64 packets; /* both ways */
	__u64 bytes;
	__u64 new_connections;
};

/* What the program asks before all tables. */
struct directory {
	__u64 vip_filter[FILTER_WORDS]; /* a bit for each VIP's hash: most others stop here */
	__u64 flow_key; /* secret; of the hash in struct flow */
	__u32 hash_seed; /* of the schedulers; secret too, unless it was chosen */
	__u32 dnat_backends; /* how many the index holds */
};

/* What user space may switch while packets flow. */
struct switches {
	__u64 events_until_ns; /* flow events are told up to this CLOCK_MONOTONIC time */
	__u64 lost_events; /* the ring buffer had no room */
};

struct flow_event {
	__u64 time_ns; /* CLOCK_MONOTONIC */
	__be32 client[4];
	__be32 vip[4];
	__be32 backend[4];
	__be16 client_port;
	__be16 vip_port;
	__be16 backend_port;
	__u8 protocol;
	__u8 kind; /* FLOW_EVENT_* */
	__u32 verdict; /* enum verdict */
	__u32 service_id;
	__u32 backend_id;
	__u32 bytes; /* of the packet that caused it */
};
