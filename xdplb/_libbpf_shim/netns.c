// SPDX-License-Identifier: BSD-2-Clause
/*
 * Acting in another network namespace.
 *
 * A namespace belongs to a thread, not to the process. In Python the way there and the way back
 * can be torn apart by a signal between two bytecodes; here nothing comes between.
 */
#include "shim_deps.h"
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>
#include "shim.h"
#include "netns.h"

int enter_netns(struct netns_visit *visit, int netns)
{
	int err;

	visit->home = -1;
	if (netns < 0)
		return 0;
	visit->home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (visit->home < 0)
		return -errno;
	if (!setns(netns, CLONE_NEWNET))
		return 0;
	err = -errno;
	close(visit->home);
	visit->home = -1;
	return err;
}

void leave_netns(struct netns_visit *visit)
{
	if (visit->home < 0)
		return;
	/* A thread that goes on in a namespace its caller does not expect would change
	 * somebody else's interfaces.
	 */
	if (setns(visit->home, CLONE_NEWNET)) {
		fprintf(stderr, "xdplb: no way back to the network namespace: %s\n",
			strerror(errno));
		abort();
	}
	close(visit->home);
}

int shim_netns_enter(int netns)
{
	return setns(netns, CLONE_NEWNET) ? -errno : 0;
}

int shim_interface_index(int netns, const char *name)
{
	struct netns_visit visit;
	int index = enter_netns(&visit, netns);

	if (index)
		return index;
	index = (int)if_nametoindex(name);
	if (!index)
		index = -errno;
	leave_netns(&visit);
	return index;
}

/* @name has room for IF_NAMESIZE (16) bytes. */
int shim_interface_name(int netns, int ifindex, char *name)
{
	struct netns_visit visit;
	int err = enter_netns(&visit, netns);

	if (err)
		return err;
	/* if_indextoname() says ENXIO where everybody else says ENODEV. */
	if (!if_indextoname((unsigned int)ifindex, name))
		err = -ENODEV;
	leave_netns(&visit);
	return err;
}
