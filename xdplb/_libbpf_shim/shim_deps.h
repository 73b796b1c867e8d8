/* SPDX-License-Identifier: BSD-2-Clause */
/* What shim.h's declarations stand on; kept apart, since cffi reads that file and knows no #include. */
#ifndef SHIM_DEPS_H
#define SHIM_DEPS_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <linux/bpf.h>
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#endif
