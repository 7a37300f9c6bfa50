/* SPDX-License-Identifier: Zlib */
/* Allocation that never returns NULL: out of memory ends the process with status 3. */
#pragma once

#include <stdarg.h>
#include <stddef.h>

/* Zeroed memory for COUNT objects of SIZE bytes; the caller frees. */
void *mem_alloc(size_t count, size_t size);

/* A grown copy of an array; the old pointer is gone afterwards. */
void *mem_grow(void *old, size_t count, size_t size);

/* The same end where SIZE bytes cannot be had: before a library that does not survive that. */
void mem_expect(size_t size);

/* Copies; the caller frees. mem_strdup(NULL) is NULL. */
char *mem_strdup(const char *text);
char *mem_strndup(const char *text, size_t length);

/* Formats into fresh memory; the caller frees. */
char *mem_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
char *mem_vformat(const char *format, va_list args) __attribute__((format(printf, 1, 0)));
