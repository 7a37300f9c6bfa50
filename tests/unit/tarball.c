/* SPDX-License-Identifier: Zlib */
/* Headers of 512 bytes. */
#include "tests/unit/tarball.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/strbuf.h"
#include "tests/unit/check.h"
#include "tests/unit/zstd_raw.h"

#define BLOCK 512u

static void put(char *header, size_t offset, size_t size, const char *text)
{
	size_t length = text ? strlen(text) : 0;

	if (length)
		memcpy(header + offset, text, length < size ? length : size);
}

/* With a NUL behind the digits where there is room. */
static void put_octal(char *header, size_t offset, size_t size, uint64_t value)
{
	char digits[24];

	(void)snprintf(digits, sizeof(digits), "%0*llo", (int)size - 1, (unsigned long long)value);
	put(header, offset, size, digits);
}

static void fill_block(struct strbuf *tar)
{
	static const char zeros[BLOCK];

	strbuf_add(tar, zeros, -tar->length % BLOCK);
}

static void add_header(struct strbuf *tar, const struct tarball_entry *entry, uint64_t size)
{
	char header[BLOCK] = {0};
	unsigned int sum = 0;

	put(header, 0, 100, entry->name);
	put_octal(header, 100, 8, entry->mode ? entry->mode : 0644);
	put_octal(header, 108, 8, 1000);
	put_octal(header, 116, 8, 1000);
	put_octal(header, 124, 12, size);
	put_octal(header, 136, 12, 1234567890);
	memset(header + 148, ' ', 8);
	header[156] = entry->type;
	put(header, 157, 100, entry->target);
	memcpy(header + 257,
	       "ustar\0"
	       "00",
	       8);
	for (size_t i = 0; i < BLOCK; i++)
		sum += (uint8_t)header[i];
	put_octal(header, 148, 7, sum);
	strbuf_add(tar, header, sizeof(header));
}

void tarball_add(struct strbuf *tar, const struct tarball_entry *entry)
{
	size_t length = entry->content ? strlen(entry->content) : 0;

	add_header(tar, entry, entry->size ? entry->size : length);
	strbuf_add(tar, entry->content ? entry->content : "", length);
	fill_block(tar);
}

void tarball_special(struct strbuf *tar, char type, const void *bytes, size_t length)
{
	struct tarball_entry entry = {.type = type, .name = "special"};

	add_header(tar, &entry, length);
	strbuf_add(tar, bytes, length);
	fill_block(tar);
}

void tarball_record(struct strbuf *tar, char type, const char *key, const void *value,
		    size_t length)
{
	CLEANUP_STRBUF struct strbuf record = STRBUF_INIT(TARBALL_MAX_BYTES);
	size_t rest = 1 + strlen(key) + 1 + length + 1, total = rest;

	/* The length counts its own digits. */
	for (size_t digits = 1, limit = 10; total == rest; digits++, limit *= 10)
		if (rest + digits < limit)
			total = rest + digits;
	strbuf_printf(&record, "%zu %s=", total, key);
	strbuf_add(&record, value, length);
	strbuf_putc(&record, '\n');
	assert_int_equal(record.length, total);
	tarball_special(tar, type, record.data, record.length);
}

void tarball_end(struct strbuf *tar)
{
	static const char zeros[2 * BLOCK];

	strbuf_add(tar, zeros, sizeof(zeros));
}

int tarball_open_stream(const void *stream, size_t length)
{
	int fd = memfd_create("tarball", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, stream, length), length);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

int tarball_open(const struct strbuf *tar)
{
	CLEANUP_STRBUF struct strbuf stream = STRBUF_INIT(TARBALL_MAX_BYTES + 65536);

	assert_false(tar->is_truncated);
	zstd_raw_frame(&stream, tar->data, tar->length);
	return tarball_open_stream(stream.data, stream.length);
}
