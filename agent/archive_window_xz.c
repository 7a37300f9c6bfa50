/* SPDX-License-Identifier: Zlib */
/* The headers of an xz stream: the stream's own, each block's with its chunks of LZMA2, the index. */
#include "agent/archive_window_steps.h"

#include <string.h>

#define LZMA2 0x21u
#define MAX_DICTIONARY_CODE 40u
#define FOOTER_BYTES 12u
#define CRC_BYTES 4u

struct bytes {
	const uint8_t *next;
	size_t left;
};

static int block_start(struct archive_window *window, struct error *error);
static int chunk(struct archive_window *window, struct error *error);

static unsigned int padding(uint64_t length)
{
	return (unsigned int)(-length & 3);
}

/* Seven bits a byte, the least significant first; at most nine bytes. */
static bool take_number(struct bytes *bytes, uint64_t *ret)
{
	*ret = 0;
	for (unsigned int shift = 0; shift < 63 && bytes->left > 0; shift += 7) {
		uint8_t byte = *bytes->next++;

		bytes->left--;
		*ret |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return true;
	}
	return false;
}

/* Two streams may follow each other, with zeros in fours between them. */
static int between_streams(struct archive_window *window, struct error *error)
{
	static const uint8_t zeros[4];

	(void)error;
	if (memcmp(window->field, zeros, sizeof(zeros)) == 0)
		return window_next(window, sizeof(zeros), 0, between_streams);
	return window_go_on(window, XZ_HEADER_BYTES, archive_window_xz);
}

static int end_index(struct archive_window *window)
{
	return window_next(window, 4, padding(window->passed) + CRC_BYTES + FOOTER_BYTES,
			   between_streams);
}

/* The two numbers of each record are passed over byte by byte. */
static int index_record(struct archive_window *window, struct error *error)
{
	(void)error;
	window->passed++;
	if (!(window->field[0] & 0x80) && --window->number == 0)
		return end_index(window);
	return window_next(window, 1, 0, index_record);
}

static int index_count(struct archive_window *window, struct error *error)
{
	uint8_t byte = window->field[0];

	if (window->shift >= 63)
		return window_is_damaged(error);
	window->passed++;
	window->number |= (uint64_t)(byte & 0x7f) << window->shift;
	window->shift += 7;
	if (byte & 0x80)
		return window_next(window, 1, 0, index_count);
	window->number *= 2;
	return window->number ? window_next(window, 1, 0, index_record) : end_index(window);
}

/* The sizes count from 0; a chunk that is packed may have a byte of properties before its data. */
static int chunk_header(struct archive_window *window, struct error *error)
{
	const uint8_t *field = window->field;
	size_t at = field[0] >= 0x80 ? 3 : 1;
	uint64_t size = ((uint64_t)field[at] << 8 | field[at + 1]) + 1 + (field[0] >= 0xC0);

	(void)error;
	window->passed += window->have + size;
	return window_next(window, 1, size, chunk);
}

static int chunk(struct archive_window *window, struct error *error)
{
	uint8_t control = window->field[0];

	if (control == 0) {
		window->passed++;
		return window_next(window, 1, padding(window->passed) + window->check_bytes,
				   block_start);
	}
	if (control >= 0x80)
		return window_go_on(window, 5, chunk_header);
	if (control <= 2) /* not packed */
		return window_go_on(window, 3, chunk_header);
	return window_is_damaged(error);
}

static uint64_t dictionary_bytes(uint8_t code)
{
	if (code == MAX_DICTIONARY_CODE)
		return UINT32_MAX;
	return (uint64_t)(2 | (code & 1)) << (code / 2 + 11);
}

/* Only LZMA2 has a dictionary, and only the last filter may be LZMA2. */
static int judge_filter(struct bytes *bytes, bool is_last, struct error *error)
{
	uint64_t id, size;

	if (!take_number(bytes, &id) || !take_number(bytes, &size) || size > bytes->left)
		return window_is_damaged(error);
	if ((id == LZMA2) != is_last)
		return window_is_damaged(error);
	if (is_last) {
		if (size != 1 || bytes->next[0] > MAX_DICTIONARY_CODE)
			return window_is_damaged(error);
		return window_judge(dictionary_bytes(bytes->next[0]), error);
	}
	bytes->next += size;
	bytes->left -= (size_t)size;
	return 0;
}

static int block_header(struct archive_window *window, struct error *error)
{
	struct bytes bytes = {window->field + 2, window->want - 2 - CRC_BYTES};
	uint8_t flags = window->field[1];
	unsigned int filters = (flags & 3) + 1;
	uint64_t size;

	if (flags & 0x3C) /* reserved */
		return window_is_damaged(error);
	if ((flags & 0x40 && !take_number(&bytes, &size)) ||
	    (flags & 0x80 && !take_number(&bytes, &size)))
		return window_is_damaged(error);
	for (unsigned int i = 1; i <= filters; i++)
		if (judge_filter(&bytes, i == filters, error) < 0)
			return -1;
	window->passed = 0;
	return window_next(window, 1, 0, chunk);
}

static int block_start(struct archive_window *window, struct error *error)
{
	uint8_t size = window->field[0];

	(void)error;
	if (size > 0)
		return window_go_on(window, (size + (size_t)1) * 4, block_header);
	window->passed = 1;
	window->number = 0;
	window->shift = 0;
	return window_next(window, 1, 0, index_count);
}

int archive_window_xz(struct archive_window *window, struct error *error)
{
	static const unsigned int check_bytes[] = {0,  4,  4,  4,  8,  8,  8,  16,
						   16, 16, 32, 32, 32, 64, 64, 64};
	const uint8_t *flags = window->field + PACKING_MAGIC_BYTES;

	if (packing_of(window->field, window->have) != PACKING_XZ || flags[0] || flags[1] > 15)
		return window_is_damaged(error);
	window->check_bytes = check_bytes[flags[1]];
	return window_next(window, 1, 0, block_start);
}
