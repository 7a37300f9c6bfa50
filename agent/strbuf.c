/* SPDX-License-Identifier: Zlib */
/* A growing string with a maximum. */
#include "agent/strbuf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cleanup.h"
#include "agent/mem.h"

char strbuf_empty[1];

void strbuf_init(struct strbuf *buf, size_t max_bytes)
{
	*buf = (struct strbuf)STRBUF_INIT(max_bytes);
}

void strbuf_release(struct strbuf *buf)
{
	if (buf->capacity)
		free(buf->data);
	strbuf_init(buf, buf->max_bytes);
}

void strbuf_clear(struct strbuf *buf)
{
	strbuf_truncate(buf, 0);
	buf->is_truncated = false;
}

static void strbuf_reserve(struct strbuf *buf, size_t needed)
{
	size_t capacity = buf->capacity ? buf->capacity : 64;

	if (needed < buf->capacity)
		return;
	while (capacity <= needed)
		capacity *= 2;
	buf->data = mem_grow(buf->capacity ? buf->data : NULL, capacity, 1);
	buf->capacity = capacity;
}

void strbuf_add(struct strbuf *buf, const void *bytes, size_t length)
{
	size_t room = buf->max_bytes - buf->length;

	if (length > room) {
		length = room;
		buf->is_truncated = true;
	}
	if (!length)
		return;
	strbuf_reserve(buf, buf->length + length);
	memcpy(buf->data + buf->length, bytes, length);
	buf->length += length;
	buf->data[buf->length] = '\0';
}

void strbuf_puts(struct strbuf *buf, const char *text)
{
	strbuf_add(buf, text, strlen(text));
}

void strbuf_putc(struct strbuf *buf, char c)
{
	if (buf->length + 1 >= buf->capacity || buf->length == buf->max_bytes) {
		strbuf_add(buf, &c, 1);
		return;
	}
	buf->data[buf->length++] = c;
	buf->data[buf->length] = '\0';
}

/* Formats in place where the result fits into the memory that is there. */
void strbuf_vprintf(struct strbuf *buf, const char *format, va_list args)
{
	CLEANUP_FREE char *text = NULL;
	size_t room = buf->capacity ? buf->capacity - buf->length : 0;
	va_list again;
	int length;

	va_copy(again, args);
	length = vsnprintf(room ? buf->data + buf->length : NULL, room, format, args);
	if (length >= 0 && (size_t)length < room &&
	    (size_t)length <= buf->max_bytes - buf->length) {
		buf->length += (size_t)length;
	} else {
		if (room)
			buf->data[buf->length] = '\0';
		text = mem_vformat(format, again);
		strbuf_puts(buf, text);
	}
	va_end(again);
}

void strbuf_printf(struct strbuf *buf, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	strbuf_vprintf(buf, format, args);
	va_end(args);
}

void strbuf_truncate(struct strbuf *buf, size_t length)
{
	if (length >= buf->length)
		return;
	buf->length = length;
	buf->data[length] = '\0';
}

char *strbuf_take(struct strbuf *buf)
{
	char *text = buf->capacity ? buf->data : mem_strdup("");

	strbuf_init(buf, buf->max_bytes);
	return text;
}
