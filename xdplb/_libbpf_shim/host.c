// SPDX-License-Identifier: BSD-2-Clause
/* Facts about this machine: the words for a code, file systems, ids of what is loaded. */
#include "shim_deps.h"
#include <linux/magic.h>
#include <sys/statfs.h>
#include "shim.h"

int shim_strerror(int code, char *text, size_t size)
{
	return libbpf_strerror(code, text, size);
}

int shim_is_bpffs(const char *path)
{
	struct statfs fs;

	if (statfs(path, &fs))
		return -errno;
	return (uint32_t)fs.f_type == BPF_FS_MAGIC;
}

int shim_fd_by_id(int kind, uint32_t id)
{
	switch (kind) {
	case SHIM_PROGRAM:
		return bpf_prog_get_fd_by_id(id);
	case SHIM_MAP:
		return bpf_map_get_fd_by_id(id);
	case SHIM_LINK:
		return bpf_link_get_fd_by_id(id);
	case SHIM_BTF:
		return bpf_btf_get_fd_by_id(id);
	}
	return -EINVAL;
}

int shim_next_id(int kind, uint32_t after, uint32_t *id)
{
	switch (kind) {
	case SHIM_PROGRAM:
		return bpf_prog_get_next_id(after, id);
	case SHIM_MAP:
		return bpf_map_get_next_id(after, id);
	case SHIM_LINK:
		return bpf_link_get_next_id(after, id);
	case SHIM_BTF:
		return bpf_btf_get_next_id(after, id);
	}
	return -EINVAL;
}

/* Copies the type information of @btf and returns its size, also where @room is too small. */
int shim_btf_bytes(int btf, void *bytes, uint32_t room)
{
	struct bpf_btf_info info = {
		.btf = (uint64_t)(uintptr_t)bytes,
		.btf_size = room,
	};
	uint32_t size = sizeof(info);
	int err = bpf_obj_get_info_by_fd(btf, &info, &size);

	return err ? err : (int)info.btf_size;
}
