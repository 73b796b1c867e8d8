// SPDX-License-Identifier: BSD-2-Clause
/*
 * What libbpf says, kept for the call that made it speak.
 *
 * libbpf has one print callback for the whole process, and it is the only place where the
 * verifier's log and netlink's extended error text come out. Text is collected per thread and
 * without a lock: a child forked in the middle of another thread's call inherits no held lock.
 */
#include <stdarg.h>
#include <stdio.h>
#include "shim_deps.h"
#include "shim.h"

static __thread struct {
	char *text;
	size_t used, size;
	int level; /* most talkative level that is kept; -1 while not listening */
} capture = { .level = -1 };

static bool make_room(size_t wanted)
{
	size_t size = capture.size ? capture.size : 1024;
	char *text;

	while (size - capture.used < wanted)
		size *= 2;
	if (size == capture.size)
		return true;
	text = realloc(capture.text, size);
	if (!text)
		return false;
	capture.text = text;
	capture.size = size;
	return true;
}

static int keep_message(enum libbpf_print_level level, const char *format, va_list args)
{
	va_list measured;
	int length;

	if ((int)level > capture.level)
		return 0;
	va_copy(measured, args);
	length = vsnprintf(NULL, 0, format, measured);
	va_end(measured);
	if (length <= 0 || !make_room((size_t)length + 1))
		return 0;
	vsnprintf(capture.text + capture.used, (size_t)length + 1, format, args);
	capture.used += (size_t)length;
	return length;
}

void shim_log_install(void)
{
	libbpf_set_print(keep_message);
}

void shim_log_begin(int level)
{
	free(capture.text);
	capture.text = NULL;
	capture.used = capture.size = 0;
	capture.level = level;
}

char *shim_log_end(void)
{
	char *text = capture.text;

	capture.text = NULL;
	capture.used = capture.size = 0;
	capture.level = -1;
	return text;
}

void shim_free(void *memory)
{
	free(memory);
}
