// SPDX-License-Identifier: BSD-2-Clause
/* Links: an attachment that a file descriptor or a pin keeps. */
#include "shim_deps.h"
#include "shim.h"
#include "netns.h"

int shim_link_info(int link, struct shim_link_info *info)
{
	struct bpf_link_info kernel = {};
	uint32_t size = sizeof(kernel);
	int err = bpf_obj_get_info_by_fd(link, &kernel, &size);

	if (err)
		return err;
	info->type = kernel.type;
	info->id = kernel.id;
	info->program_id = kernel.prog_id;
	info->ifindex = kernel.type == BPF_LINK_TYPE_XDP ? kernel.xdp.ifindex : 0;
	return 0;
}

/* bpf_program__attach_xdp() takes no mode, bpf_link_create() does. The kernel looks @ifindex up in
 * the network namespace of the calling thread.
 */
int shim_link_create_xdp(int netns, int program, int ifindex, uint32_t flags)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = flags);
	struct netns_visit visit;
	int link = enter_netns(&visit, netns);

	if (link)
		return link;
	link = bpf_link_create(program, ifindex, BPF_XDP, &opts);
	leave_netns(&visit);
	return link;
}

int shim_link_update(int link, int program, int expected_program)
{
	LIBBPF_OPTS(bpf_link_update_opts, opts);

	if (expected_program != SHIM_ANY_PROGRAM) {
		opts.flags = BPF_F_REPLACE;
		opts.old_prog_fd = (uint32_t)expected_program;
	}
	return bpf_link_update(link, program, &opts);
}
