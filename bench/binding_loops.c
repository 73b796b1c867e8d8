// SPDX-License-Identifier: BSD-2-Clause
/* The same calls as bench/binding.py makes, without Python: what its figures are measured against. */
#include <stdint.h>
#include <bpf/bpf.h>

int update_loop(int map, uint32_t key, uint32_t times)
{
	uint32_t i;

	for (i = 0; i < times; i++)
		if (bpf_map_update_elem(map, &key, &i, BPF_ANY))
			return -1;
	return 0;
}

int lookup_loop(int map, uint32_t key, uint32_t times)
{
	uint32_t value, i;

	for (i = 0; i < times; i++)
		if (bpf_map_lookup_elem(map, &key, &value))
			return -1;
	return 0;
}

int update_batch(int map, const void *keys, const void *values, uint32_t count)
{
	return bpf_map_update_batch(map, keys, values, &count, NULL);
}

int lookup_batch(int map, void *keys, void *values, uint32_t count)
{
	uint32_t cursor;

	return bpf_map_lookup_batch(map, NULL, &cursor, keys, values, &count, NULL);
}
