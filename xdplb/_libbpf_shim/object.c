// SPDX-License-Identifier: BSD-2-Clause
/* Opening objects and loading single programs. */
#include "shim_deps.h"
#include "shim.h"

static int take_object(struct bpf_object *opened, struct bpf_object **object)
{
	/* Pointers are libbpf's one kind of result whose reason stands in errno. */
	if (!opened)
		return errno ? -errno : -EINVAL;
	*object = opened;
	return 0;
}

int shim_object_open_file(const char *path, const char *name, struct bpf_object **object)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = name);

	return take_object(bpf_object__open_file(path, &opts), object);
}

int shim_object_open_memory(const void *bytes, size_t size, const char *name,
			    struct bpf_object **object)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = name);

	return take_object(bpf_object__open_mem(bytes, size, &opts), object);
}

int shim_program_load(uint32_t type, const char *name, const char *license,
		      const void *instructions, size_t count, uint32_t flags, char *log,
		      uint32_t log_size)
{
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .prog_flags = flags, .log_level = log_size ? 1 : 0,
		    .log_size = log_size, .log_buf = log_size ? log : NULL);

	if (type == BPF_PROG_TYPE_XDP)
		opts.expected_attach_type = BPF_XDP;
	return bpf_prog_load(type, name, license, instructions, count, &opts);
}
