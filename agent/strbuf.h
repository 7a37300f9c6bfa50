/* SPDX-License-Identifier: Zlib */
/* A growing string with a maximum that is set when it is made. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct strbuf {
	char *data;        /* always a NUL-terminated string */
	size_t length;     /* without the NUL */
	size_t capacity;   /* 0 while data points at a constant empty string */
	size_t max_bytes;  /* length never exceeds it */
	bool is_truncated; /* something did not fit, and was cut */
};

/* What data points at while there is no memory; never written. */
extern char strbuf_empty[1];

/* An empty string that will hold at most MAX_BYTES. */
void strbuf_init(struct strbuf *buf, size_t max_bytes);
#define STRBUF_INIT(max)                                                                           \
	{                                                                                          \
		.data = strbuf_empty, .max_bytes = (max)                                           \
	}

/* Frees the memory; the buffer may be used again afterwards. */
void strbuf_release(struct strbuf *buf);
#define CLEANUP_STRBUF CLEANUP(strbuf_release)

/* Empties it and keeps the memory. */
void strbuf_clear(struct strbuf *buf);

/* Append; what does not fit is cut, and is_truncated set. */
void strbuf_add(struct strbuf *buf, const void *bytes, size_t length);
void strbuf_puts(struct strbuf *buf, const char *text);
void strbuf_putc(struct strbuf *buf, char c);
void strbuf_printf(struct strbuf *buf, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void strbuf_vprintf(struct strbuf *buf, const char *format, va_list args)
	__attribute__((format(printf, 2, 0)));

/* Shortens to LENGTH bytes (no effect when it is shorter already). */
void strbuf_truncate(struct strbuf *buf, size_t length);

/* The string in memory of its own (the caller frees); the buffer is empty afterwards. */
char *strbuf_take(struct strbuf *buf);
