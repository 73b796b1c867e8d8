// SPDX-License-Identifier: BSD-2-Clause
/* XDP over netlink: attaching without a link, and asking what is attached. */
#include "shim_deps.h"
#include <linux/if_link.h>
#include "shim.h"
#include "netns.h"

/* Attaches @program, or detaches for -1. @expected_program is the one that is there now (-1: none
 * is); SHIM_ANY_PROGRAM does not ask.
 */
int shim_xdp_attach(int netns, int ifindex, int program, uint32_t flags, int expected_program)
{
	LIBBPF_OPTS(bpf_xdp_attach_opts, opts);
	struct netns_visit visit;
	int err;

	if (expected_program != SHIM_ANY_PROGRAM) {
		flags |= XDP_FLAGS_REPLACE;
		opts.old_prog_fd = expected_program;
	}
	err = enter_netns(&visit, netns);
	if (err)
		return err;
	/* libbpf takes an old_prog_fd of 0 for "don't ask", and sets the flag for all others. */
	err = bpf_xdp_attach(ifindex, program, flags, &opts);
	leave_netns(&visit);
	return err;
}

int shim_xdp_query(int netns, int ifindex, struct shim_xdp_state *state)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, opts);
	struct netns_visit visit;
	int err = enter_netns(&visit, netns);

	if (err)
		return err;
	err = bpf_xdp_query(ifindex, 0, &opts);
	leave_netns(&visit);
	if (err)
		return err;
	state->attach_mode = opts.attach_mode;
	state->program_id = opts.prog_id;
	state->native_id = opts.drv_prog_id;
	state->generic_id = opts.skb_prog_id;
	state->offload_id = opts.hw_prog_id;
	return 0;
}
