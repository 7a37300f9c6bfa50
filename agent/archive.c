/* SPDX-License-Identifier: Zlib */
/* Decompression by libarchive. */
#include "agent/archive.h"

#include <string.h>
#include <sys/types.h>

#include <archive.h>
#include <archive_entry.h>

#include "agent/cleanup.h"
#include "agent/error.h"
#include "agent/strbuf.h"

#define BLOCK_BYTES 16384u

static void free_reader(struct archive **reader)
{
	archive_read_free(*reader);
}

/* Anything but OK is refused: a warning means that an external program would be run. */
static int open_stream(struct archive *reader, const void *bytes, size_t length)
{
	struct archive_entry *entry;

	if (archive_read_support_filter_zstd(reader) != ARCHIVE_OK ||
	    archive_read_support_filter_xz(reader) != ARCHIVE_OK ||
	    archive_read_support_filter_gzip(reader) != ARCHIVE_OK ||
	    archive_read_support_format_raw(reader) != ARCHIVE_OK)
		return -1;
	if (archive_read_open_memory(reader, bytes, length) != ARCHIVE_OK)
		return -1;
	if (archive_read_next_header(reader, &entry) != ARCHIVE_OK)
		return -1;
	return archive_filter_code(reader, 0) == ARCHIVE_FILTER_NONE ? -1 : 0;
}

int archive_decompress(const void *bytes, size_t length, struct strbuf *out, struct error *error)
{
	CLEANUP(free_reader) struct archive *reader = archive_read_new();
	char block[BLOCK_BYTES];
	ssize_t count;

	if (!reader || open_stream(reader, bytes, length) < 0)
		return error_set(error, ERROR_AGENT, "not a zstd, xz or gzip stream");
	while ((count = archive_read_data(reader, block, sizeof(block))) > 0) {
		strbuf_add(out, block, (size_t)count);
		if (out->is_truncated)
			return error_set(error, ERROR_AGENT, "more than %zu bytes unpacked",
					 out->max_bytes);
	}
	if (count < 0)
		return error_set(error, ERROR_AGENT, "the compressed stream is cut or damaged");
	return 0;
}

const char *archive_library_version(void)
{
	const char *text = archive_version_string(); /* "libarchive 3.7.4" */

	return text + strcspn(text, "0123456789");
}
