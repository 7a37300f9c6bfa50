/* SPDX-License-Identifier: Zlib */
/* A tar archive, read entry by entry from a compressed stream. libarchive's own reader of tar is not used:
 * a map of holes makes it take memory without bound, and it ends a name at a NUL. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "agent/tar_header.h"

struct archive_stream;
struct error;

#define TAR_MAX_HEADER_BYTES 131072u        /* of one long name or pax header */
#define TAR_MAX_HEADERS 8u                  /* of these before one entry */
#define TAR_MAX_BYTES (UINT64_C(12) << 30)  /* unpacked, whatever it is */
#define TAR_MAX_TRAILER (UINT64_C(1) << 20) /* zeros behind the end */

/* What an archive says of one entry; the texts stay until the next one is asked for. */
struct tar_item {
	enum tar_type type; /* TAR_OTHER and before */
	char letter;
	unsigned int mode;
	uint64_t size; /* of its content; 0 for all but files */
	const char *name;
	const char *target; /* of a link, else "" */
};

struct tar_reader;

/* STREAM is not owned. Never NULL; tar_reader_free frees, NULL is allowed. */
struct tar_reader *tar_reader_new(struct archive_stream *stream);
void tar_reader_free(struct tar_reader *reader);

/* Passes over what is left of the entry before. Returns 1 and the next entry; 0 at the end, when two blocks of
 * zeros were there and nothing but zeros is behind them; or -1 with ERROR: cut, damaged, a header beyond
 * the bounds above, content where the type has none. */
int tar_reader_next(struct tar_reader *reader, struct tar_item *ret, struct error *error);

/* Returns 1 and the next bytes of the entry's content, at least one, which stay until the next call; 0
 * when there are no more; or -1 with ERROR. */
int tar_reader_read(struct tar_reader *reader, const void **ret_bytes, size_t *ret_length,
		    struct error *error);
