/* SPDX-License-Identifier: Zlib */
/* tar archives written by hand, so that any hostile header can be made. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct strbuf;

#define TARBALL_MAX_BYTES (64u << 20)

/* One entry; what is left out is 0, and a file's size is that of its content. */
struct tarball_entry {
	char type;        /* as tar spells it; 0: the row behind the last one */
	const char *name; /* in a ustar header: cut to 100 bytes */
	unsigned int mode;
	const char *target;  /* of a link */
	const char *content; /* NULL: none */
	uint64_t size;       /* said instead of the content's, where it is not 0 */
};

/* A header with its checksum, and the content with what fills its block. A mode of 0 becomes 0644. */
void tarball_add(struct strbuf *tar, const struct tarball_entry *entry);

/* A header in front of an entry: 'x' and 'g' (pax records), 'L' and 'K' (GNU's long names). */
void tarball_special(struct strbuf *tar, char type, const void *bytes, size_t length);

/* The same with one pax record; a VALUE of LENGTH bytes. */
void tarball_record(struct strbuf *tar, char type, const char *key, const void *value,
		    size_t length);

/* Two blocks of zeros. */
void tarball_end(struct strbuf *tar);

/* A readable descriptor of TAR in a zstd frame, or of STREAM as it is; the caller closes. */
int tarball_open(const struct strbuf *tar);
int tarball_open_stream(const void *stream, size_t length);
