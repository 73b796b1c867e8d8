// SPDX-License-Identifier: BSD-2-Clause
/* Maps: what the kernel knows about one, batches, and words stored whole. */
#include "shim_deps.h"
#include "shim.h"

int shim_map_info(int map, struct shim_map_info *info)
{
	struct bpf_map_info kernel = {};
	uint32_t size = sizeof(kernel);
	int err = bpf_obj_get_info_by_fd(map, &kernel, &size);

	if (err)
		return err;
	info->type = kernel.type;
	info->id = kernel.id;
	info->key_size = kernel.key_size;
	info->value_size = kernel.value_size;
	info->max_entries = kernel.max_entries;
	info->flags = kernel.map_flags;
	info->btf_id = kernel.btf_id;
	info->btf_key_type_id = kernel.btf_key_type_id;
	info->btf_value_type_id = kernel.btf_value_type_id;
	info->extra = kernel.map_extra;
	memcpy(info->name, kernel.name, sizeof(info->name));
	return 0;
}

int shim_map_create(uint32_t type, const char *name, uint32_t key_size, uint32_t value_size,
		    uint32_t max_entries, uint32_t flags, int inner_map)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = flags);

	if (inner_map >= 0)
		opts.inner_map_fd = inner_map;
	return bpf_map_create(type, name, key_size, value_size, max_entries, &opts);
}

int shim_map_lookup_batch(int map, void *cursor_in, void *cursor_out, void *keys, void *values,
			  uint32_t *count)
{
	LIBBPF_OPTS(bpf_map_batch_opts, opts);

	return bpf_map_lookup_batch(map, cursor_in, cursor_out, keys, values, count, &opts);
}

int shim_map_update_batch(int map, const void *keys, const void *values, uint32_t *count)
{
	LIBBPF_OPTS(bpf_map_batch_opts, opts);

	return bpf_map_update_batch(map, keys, values, count, &opts);
}

int shim_map_delete_batch(int map, const void *keys, uint32_t *count)
{
	LIBBPF_OPTS(bpf_map_batch_opts, opts);

	return bpf_map_delete_batch(map, keys, count, &opts);
}

/* Writes up to @most keys that follow @after (NULL: from the first on) and returns how many. */
int shim_map_walk(int map, const void *after, void *keys, uint32_t key_size, uint32_t most)
{
	char *next = keys;
	uint32_t count;
	int err;

	for (count = 0; count < most; count++) {
		err = bpf_map_get_next_key(map, after, next);
		if (err == -ENOENT)
			break;
		if (err)
			return err;
		after = next;
		next += key_size;
	}
	return (int)count;
}

/* memcpy() may store bytes, or one word twice; a program that reads meanwhile must see each
 * 64-bit word either old or new.
 */
void shim_store_words(void *slots, const void *words, size_t count)
{
	uint64_t *slot = slots;
	uint64_t word;
	size_t i;

	for (i = 0; i < count; i++) {
		memcpy(&word, (const char *)words + i * sizeof(word), sizeof(word));
		__atomic_store_n(&slot[i], word, __ATOMIC_RELAXED);
	}
}
