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
};

/* Why a packet ended as it did: return value of each stage, index of the
 * counters, label of the metric, word in an event. Append only: counters and
 * event readers of a running attachment go by number.
 */
enum verdict {
	VERDICT_NEXT, /* not final: the next stage goes on */

	VERDICT_PASS_OTHER_HOST, /* the frame is not addressed to this interface */
	VERDICT_PASS_OTHER_PROTOCOL, /* neither TCP nor UDP over IPv4 */
	VERDICT_PASS_FRAGMENT, /* no ports in it to go by */
	VERDICT_PASS_NO_SERVICE, /* no service has this address and port */
	VERDICT_PASS_LOCAL_SOCKET, /* a reply to the host's own connection */

	VERDICT_DROP_MALFORMED, /* a header is cut short or contradicts itself */
	VERDICT_DROP_TTL_EXPIRED, /* it may not be routed any further */
	VERDICT_DROP_NO_BACKEND, /* the service has none that is up */
	VERDICT_DROP_NO_NEIGHBOUR, /* the backend's MAC is not known yet */
	VERDICT_DROP_NO_CONNECTION, /* a reset of a connection nobody remembers */
	VERDICT_DROP_NO_NAT_PORT, /* every source port tried towards the backend is in use */
	VERDICT_DROP_TABLE_FULL, /* the connection could not be remembered */

	VERDICT_TX_NAT, /* translated, to a backend */
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
	__u32 hash_seed;
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
	__u32 reserved;
	char name[BACKEND_NAME_LENGTH];
};

/* Which backend a hash value leads to. Written in one 64-bit store. */
struct slot {
	__u32 current; /* backend ids; the two differ while connections move */
	__u32 previous;
};

/* A direction of an IPv4 connection, as its packets arrive. */
struct flow {
	__be32 source;
	__be32 destination;
	__be16 source_port;
	__be16 destination_port;
	__u32 protocol; /* IPPROTO_*; a whole word, since maps hash words */
};

/* What becomes of the packets of one direction of a connection. */
struct connection {
	__u64 last_seen_ns; /* CLOCK_MONOTONIC; a second behind or so, see refreshed_jiffies */
	__be32 source; /* what the addresses and ports are turned into */
	__be32 destination;
	__be16 source_port;
	__be16 destination_port;
	__u8 mac[6]; /* way back: where the client's packets came from */
	__u8 heard_client; /* HEARD_*; a byte for each side, since two CPUs may write at once */
	__u8 heard_backend;
	__u32 flags; /* CONNECTION_* */
	__u32 idle_limit_s; /* unseen for longer, it is over; 0: it was reset */
	__u32 service_id;
	__u32 backend_id;
	__u32 refreshed_jiffies; /* when last_seen_ns was written */
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
