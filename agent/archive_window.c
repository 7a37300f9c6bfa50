/* SPDX-License-Identifier: Zlib */
/* The walk over a compressed stream's headers, and zstd's frames (RFC 8878, section 3.1). */
#include "agent/archive_window.h"

#include <string.h>

#include "agent/archive_window_steps.h"
#include "agent/error.h"

#define ZSTD_MAGIC UINT32_C(0xFD2FB528)
#define ZSTD_SKIPPABLE UINT32_C(0x184D2A50) /* the last four bits are free */
#define ZSTD_MAGIC_BYTES 4u
#define ZSTD_BLOCK_BYTES 3u

static int zstd_magic(struct archive_window *window, struct error *error);
static int zstd_block(struct archive_window *window, struct error *error);

static uint64_t little_endian(const uint8_t *bytes, size_t length)
{
	uint64_t value = 0;

	while (length-- > 0)
		value = value << 8 | bytes[length];
	return value;
}

int window_judge(uint64_t bytes, struct error *error)
{
	const unsigned long long mebibyte = 1ull << 20;

	if (bytes <= ARCHIVE_WINDOW_MAX_BYTES)
		return 0;
	return error_set(
		error, ERROR_AGENT,
		"the archive needs a window of %llu MiB; at most %llu MiB are allowed: pack "
		"it with zstd -19 (without --long) or xz -8",
		bytes / mebibyte + (bytes % mebibyte != 0), ARCHIVE_WINDOW_MAX_BYTES / mebibyte);
}

int window_is_damaged(struct error *error)
{
	return error_set(error, ERROR_AGENT,
			 "the compressed stream is damaged, or something else follows it");
}

static bool is_skippable(uint32_t magic)
{
	return (magic & ~UINT32_C(15)) == ZSTD_SKIPPABLE;
}

enum packing packing_of(const void *bytes, size_t length)
{
	static const uint8_t xz[] = {0xFD, '7', 'z', 'X', 'Z', 0};
	static const uint8_t gzip[] = {0x1F, 0x8B};
	uint32_t magic;

	if (length >= sizeof(xz) && memcmp(bytes, xz, sizeof(xz)) == 0)
		return PACKING_XZ;
	if (length >= sizeof(gzip) && memcmp(bytes, gzip, sizeof(gzip)) == 0)
		return PACKING_GZIP;
	if (length < ZSTD_MAGIC_BYTES)
		return PACKING_NONE;
	magic = (uint32_t)little_endian(bytes, ZSTD_MAGIC_BYTES);
	return magic == ZSTD_MAGIC || is_skippable(magic) ? PACKING_ZSTD : PACKING_NONE;
}

static int zstd_skippable(struct archive_window *window, struct error *error)
{
	(void)error;
	return window_next(window, ZSTD_MAGIC_BYTES,
			   little_endian(window->field + ZSTD_MAGIC_BYTES, 4), zstd_magic);
}

/* Window_Descriptor: an exponent and a mantissa of eighths. */
static uint64_t described_window(uint8_t descriptor)
{
	uint64_t base = UINT64_C(1) << (10 + (descriptor >> 3));

	return base + base / 8 * (descriptor & 7);
}

/* The field is the magic number, Frame_Header_Descriptor and the rest of the header. */
static int zstd_header(struct archive_window *window, struct error *error)
{
	const uint8_t *header = window->field + ZSTD_MAGIC_BYTES;
	uint8_t descriptor = header[0];
	size_t size_bytes = (size_t)1 << (descriptor >> 6);
	bool is_single_segment = descriptor & 0x20;
	uint64_t bytes;

	/* A single segment has its content for its window; the size is the header's last part. */
	if (is_single_segment)
		bytes = little_endian(window->field + window->want - size_bytes, size_bytes) +
			(size_bytes == 2 ? 256 : 0);
	else
		bytes = described_window(header[1]);
	window->check_bytes = descriptor & 4 ? 4 : 0;
	if (window_judge(bytes, error) < 0)
		return -1;
	return window_next(window, ZSTD_BLOCK_BYTES, 0, zstd_block);
}

static int zstd_descriptor(struct archive_window *window, struct error *error)
{
	static const size_t dictionary_bytes[] = {0, 1, 2, 4};
	uint8_t descriptor = window->field[ZSTD_MAGIC_BYTES];
	bool is_single_segment = descriptor & 0x20;
	size_t more = dictionary_bytes[descriptor & 3];

	if (descriptor & 8) /* reserved */
		return window_is_damaged(error);
	if (is_single_segment || descriptor >> 6)
		more += (size_t)1 << (descriptor >> 6);
	if (!is_single_segment)
		more++;
	return window_go_on(window, ZSTD_MAGIC_BYTES + 1 + more, zstd_header);
}

static int zstd_magic(struct archive_window *window, struct error *error)
{
	uint32_t magic = (uint32_t)little_endian(window->field, ZSTD_MAGIC_BYTES);

	if (is_skippable(magic))
		return window_go_on(window, ZSTD_MAGIC_BYTES + 4, zstd_skippable);
	if (magic == ZSTD_MAGIC)
		return window_go_on(window, ZSTD_MAGIC_BYTES + 1, zstd_descriptor);
	return window_is_damaged(error);
}

static int zstd_block(struct archive_window *window, struct error *error)
{
	uint32_t header = (uint32_t)little_endian(window->field, ZSTD_BLOCK_BYTES);
	unsigned int type = header >> 1 & 3;
	uint64_t size = type == 1 ? 1 : header >> 3; /* one byte, to be repeated */

	if (type == 3)
		return window_is_damaged(error);
	if (header & 1) /* the last one */
		return window_next(window, ZSTD_MAGIC_BYTES, size + window->check_bytes,
				   zstd_magic);
	return window_next(window, ZSTD_BLOCK_BYTES, size, zstd_block);
}

void archive_window_init(struct archive_window *window, enum packing packing)
{
	*window = (struct archive_window){0};
	switch (packing) {
	case PACKING_ZSTD:
		window_next(window, ZSTD_MAGIC_BYTES, 0, zstd_magic);
		break;
	case PACKING_XZ:
		window_next(window, XZ_HEADER_BYTES, 0, archive_window_xz);
		break;
	case PACKING_GZIP:
	case PACKING_NONE:
		break;
	}
}

static size_t at_most(uint64_t limit, size_t length)
{
	return length < limit ? length : (size_t)limit;
}

int archive_window_feed(struct archive_window *window, const void *bytes, size_t length,
			struct error *error)
{
	const uint8_t *next = bytes;

	while (window->step && length > 0) {
		size_t count;

		if (window->skip > 0) {
			count = at_most(window->skip, length);
			window->skip -= count;
		} else {
			count = at_most(window->want - window->have, length);
			memcpy(window->field + window->have, next, count);
			window->have += count;
		}
		next += count;
		length -= count;
		if (window->have == window->want && window->step(window, error) < 0)
			return -1;
	}
	return 0;
}
