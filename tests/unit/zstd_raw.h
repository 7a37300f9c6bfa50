/* SPDX-License-Identifier: Zlib */
/* zstd streams written by hand (RFC 8878): what a test needs of a compressor. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "agent/strbuf.h"

#define ZSTD_BLOCK_MAX 131072u

/* A frame's beginning, with a Window_Descriptor (0x38: 128 KiB, 0x88: 128 MiB). */
static inline void zstd_raw_begin(struct strbuf *out, uint8_t window)
{
	const uint8_t header[] = {0x28, 0xB5, 0x2F, 0xFD, 0, window};

	strbuf_add(out, header, sizeof(header));
}

/* A block of SIZE bytes: TYPE 0, as they are; 1, one byte that is repeated SIZE times. */
static inline void zstd_raw_block(struct strbuf *out, unsigned int type, uint32_t size, int is_last)
{
	uint32_t header = size << 3 | type << 1 | (is_last ? 1 : 0);
	const uint8_t bytes[] = {(uint8_t)header, (uint8_t)(header >> 8), (uint8_t)(header >> 16)};

	strbuf_add(out, bytes, sizeof(bytes));
}

/* A whole frame that holds BYTES as they are. */
static inline void zstd_raw_frame(struct strbuf *out, const void *bytes, size_t length)
{
	const char *next = bytes;

	zstd_raw_begin(out, 0x38);
	while (length > ZSTD_BLOCK_MAX) {
		zstd_raw_block(out, 0, ZSTD_BLOCK_MAX, 0);
		strbuf_add(out, next, ZSTD_BLOCK_MAX);
		next += ZSTD_BLOCK_MAX;
		length -= ZSTD_BLOCK_MAX;
	}
	zstd_raw_block(out, 0, (uint32_t)length, 1);
	strbuf_add(out, next, length);
}

/* A whole frame of COUNT blocks that repeat BYTE. */
static inline void zstd_raw_repeat(struct strbuf *out, char byte, uint32_t count)
{
	zstd_raw_begin(out, 0x38);
	while (count-- > 0) {
		zstd_raw_block(out, 1, ZSTD_BLOCK_MAX, count == 0);
		strbuf_putc(out, byte);
	}
}
