/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The C half of xdplb.bpf, one declaration per thing that is done in C rather than in Python.
 *
 * The C files include this text and cffi reads the same text, so the two cannot disagree. It has
 * therefore no includes and no conditionals; a C file includes shim_deps.h before it.
 *
 * Everything that can fail returns 0 or more when it worked and a negative errno when it did not;
 * codes of 4000 and more are libbpf's own. Nobody has to read errno. @netns is the descriptor of
 * the network namespace to act in, or -1 for the thread's own.
 */

/* log.c: what libbpf says during a call, per thread */
void shim_log_install(void);
void shim_log_begin(int level);
char *shim_log_end(void); /* the caller's to free; NULL if nothing was said */
void shim_free(void *memory);

/* compat.c: functions that this libbpf may or may not have */
int shim_has_symbol(const char *name);
int shim_object_prepare(struct bpf_object *object);

/* object.c */
int shim_object_open_file(const char *path, const char *name, struct bpf_object **object);
int shim_object_open_memory(const void *bytes, size_t size, const char *name,
			    struct bpf_object **object);
int shim_program_load(uint32_t type, const char *name, const char *license,
		      const void *instructions, size_t count, uint32_t flags, char *log,
		      uint32_t log_size);

/* map.c */
struct shim_map_info {
	uint32_t type, id, key_size, value_size, max_entries, flags;
	uint32_t btf_id, btf_key_type_id, btf_value_type_id;
	uint64_t extra;
	char name[16];
};
int shim_map_info(int map, struct shim_map_info *info);
int shim_map_create(uint32_t type, const char *name, uint32_t key_size, uint32_t value_size,
		    uint32_t max_entries, uint32_t flags, int inner_map);
int shim_map_lookup_batch(int map, void *cursor_in, void *cursor_out, void *keys, void *values,
			  uint32_t *count);
int shim_map_update_batch(int map, const void *keys, const void *values, uint32_t *count);
int shim_map_delete_batch(int map, const void *keys, uint32_t *count);
int shim_map_walk(int map, const void *after, void *keys, uint32_t key_size, uint32_t most);
void shim_store_words(void *slots, const void *words, size_t count);

/* ring.c */
struct shim_ring;
int shim_ring_open(int map, uint32_t size, struct shim_ring **ring);
int64_t shim_ring_read(struct shim_ring *ring, void *out, size_t room, uint32_t record_size,
		       uint32_t *needed);
uint64_t shim_ring_pending(const struct shim_ring *ring);
void shim_ring_close(struct shim_ring *ring);

/* program.c */
struct shim_program_info {
	uint32_t type, id, xlated_bytes, jited_bytes, map_count, btf_id, verified_instructions, uid;
	uint64_t load_time_ns, run_time_ns, run_count, recursion_misses;
	uint8_t tag[8];
	char name[16];
};
int shim_program_info(int program, struct shim_program_info *info, uint32_t *map_ids,
		      uint32_t map_room);
struct shim_test_run {
	const void *data_in;
	void *data_out;
	const void *context_in;
	void *context_out;
	uint32_t data_size_in, data_size_out, context_size_in, context_size_out;
	uint32_t repeat, flags, cpu, batch_size;
	uint32_t retval, duration_ns;
};
int shim_program_test_run(int program, struct shim_test_run *run);

/* link.c */
struct shim_link_info {
	uint32_t type, id, program_id, ifindex;
};
int shim_link_info(int link, struct shim_link_info *info);
int shim_link_create_xdp(int netns, int program, int ifindex, uint32_t flags);
int shim_link_update(int link, int program, int expected_program);

/* xdp.c */
struct shim_xdp_state {
	uint32_t attach_mode, program_id, native_id, generic_id, offload_id;
};
int shim_xdp_attach(int netns, int ifindex, int program, uint32_t flags, int expected_program);
int shim_xdp_query(int netns, int ifindex, struct shim_xdp_state *state);

/* netns.c */
int shim_netns_enter(int netns);
int shim_interface_index(int netns, const char *name);
int shim_interface_name(int netns, int ifindex, char *name);

/* host.c */
int shim_strerror(int code, char *text, size_t size);
int shim_is_bpffs(const char *path);
int shim_fd_by_id(int kind, uint32_t id); /* kind: SHIM_PROGRAM and the like */
int shim_next_id(int kind, uint32_t after, uint32_t *id);
int shim_btf_bytes(int btf, void *bytes, uint32_t room);

#define SHIM_PROGRAM 0
#define SHIM_MAP 1
#define SHIM_LINK 2
#define SHIM_BTF 3
#define SHIM_ANY_PROGRAM -2 /* no expectation about the program that is replaced */
