/* SPDX-License-Identifier: Zlib */
/* How much memory a compressed stream will make its decoder take: its own framing says so, and is read
 * here before the decoder sees it. Pure; zstd as in RFC 8878, xz as in "The .xz File Format" 1.2.1. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;

/* zstd up to -20, xz up to -8. */
#define ARCHIVE_WINDOW_MAX_BYTES (UINT64_C(32) << 20)
#define ARCHIVE_WINDOW_FIELD_BYTES 1024u /* the largest header: an xz block's */

enum packing { PACKING_NONE, PACKING_ZSTD, PACKING_XZ, PACKING_GZIP };

/* What a stream is packed with by its first bytes; PACKING_MAGIC_BYTES of them always tell. */
#define PACKING_MAGIC_BYTES 6u
enum packing packing_of(const void *bytes, size_t length);

/* A walk over the headers of every frame and block of a stream. */
struct archive_window {
	int (*step)(struct archive_window *window,
		    struct error *error); /* NULL: gzip, 32 KiB always */
	uint8_t field[ARCHIVE_WINDOW_FIELD_BYTES];
	size_t have;              /* bytes of FIELD that are there */
	size_t want;              /* and that STEP waits for */
	uint64_t skip;            /* bytes to pass over before the field begins */
	unsigned int check_bytes; /* of the checksum behind a zstd frame or an xz block */
	uint64_t passed;          /* bytes of the xz block or index so far, which pads them to 4 */
	uint64_t number;          /* xz: records of the index, or what is left of them */
	unsigned int shift;
};

void archive_window_init(struct archive_window *window, enum packing packing);

/* Takes the next LENGTH bytes of the stream. Returns 0, or -1 with ERROR: a frame or block needs a window
 * above ARCHIVE_WINDOW_MAX_BYTES (the figure is named), or these are no such frames. Whether a stream is
 * complete is left to its decoder. */
int archive_window_feed(struct archive_window *window, const void *bytes, size_t length,
			struct error *error);
