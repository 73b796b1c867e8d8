/* SPDX-License-Identifier: BSD-2-Clause */
/* A visit to another network namespace by the calling thread; see netns.c. */
struct netns_visit {
	int home; /* where to go back to, -1 if the thread did not move */
};

int enter_netns(struct netns_visit *visit, int netns);
void leave_netns(struct netns_visit *visit);
