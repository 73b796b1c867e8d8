// SPDX-License-Identifier: BSD-2-Clause
/*
 * Functions that came to libbpf after 1.1, looked up when they are called.
 *
 * Neither #if nor a weak reference will do: built against newer headers, the extension would ask
 * for a symbol version that an older libbpf lacks, and then not even import. Hence dlsym() and
 * prototypes of our own.
 */
#include "shim_deps.h"
#include <dlfcn.h>
#include "shim.h"

int shim_has_symbol(const char *name)
{
	return dlsym(RTLD_DEFAULT, name) != NULL;
}

/* bpf_object__prepare() came with libbpf 1.5. */
int shim_object_prepare(struct bpf_object *object)
{
	int (*prepare)(struct bpf_object *) = dlsym(RTLD_DEFAULT, "bpf_object__prepare");

	return prepare ? prepare(object) : -ENOSYS;
}
