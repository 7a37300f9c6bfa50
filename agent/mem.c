/* SPDX-License-Identifier: Zlib */
/* Allocation that never returns NULL. */
#include "agent/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/error.h"

static void *or_die(void *pointer)
{
	static const char message[] = "spinup: out of memory; raise the limit of memory "
				      "(ulimit -v, ulimit -d, or the container's)\n";

	if (!pointer) {
		(void)!write(STDERR_FILENO, message, sizeof(message) - 1);
		_exit(ERROR_AGENT);
	}
	return pointer;
}

void *mem_alloc(size_t count, size_t size)
{
	return or_die(calloc(count ? count : 1, size ? size : 1));
}

void *mem_grow(void *old, size_t count, size_t size)
{
	return or_die(reallocarray(old, count ? count : 1, size ? size : 1));
}

void mem_expect(size_t size)
{
	free(mem_alloc(size, 1));
}

char *mem_strdup(const char *text)
{
	return text ? or_die(strdup(text)) : NULL;
}

char *mem_strndup(const char *text, size_t length)
{
	return or_die(strndup(text, length));
}

char *mem_vformat(const char *format, va_list args)
{
	char *text = NULL;

	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	return or_die(text);
}

char *mem_format(const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	text = mem_vformat(format, args);
	va_end(args);
	return text;
}
