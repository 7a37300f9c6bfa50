/* SPDX-License-Identifier: Zlib */
/* Decompression by libarchive. */
#include "agent/archive.h"

#include <errno.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>

#include "agent/archive_window.h"
#include "agent/cleanup.h"
#include "agent/error.h"
#include "agent/mem.h"
#include "agent/strbuf.h"

#define BLOCK_BYTES 16384u
#define INPUT_BYTES 131072u

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

struct archive_stream {
	struct archive *reader;
	int fd;
	size_t held;  /* bytes of INPUT that were read to learn the packing, and not yet given on */
	uint64_t fed; /* packed bytes that the library was given */
	struct archive_window window;
	struct error error; /* why there was nothing more to give; the library cannot carry it */
	uint8_t input[INPUT_BYTES];
};

/* Like read(2), over interruptions. */
static ssize_t read_some(int fd, void *ret, size_t size)
{
	ssize_t count;

	do
		count = read(fd, ret, size);
	while (count < 0 && errno == EINTR);
	return count;
}

static int fail_to_read(struct error *error)
{
	return error_set(error, ERROR_AGENT, "the archive cannot be read: %s", strerror(errno));
}

/* libarchive asks for more. */
static la_ssize_t feed(struct archive *reader, void *context, const void **ret)
{
	struct archive_stream *stream = context;
	ssize_t count = (ssize_t)stream->held;

	stream->held = 0;
	if (count == 0)
		count = read_some(stream->fd, stream->input, sizeof(stream->input));
	if (count < 0)
		fail_to_read(&stream->error);
	else if (archive_window_feed(&stream->window, stream->input, (size_t)count,
				     &stream->error) < 0)
		count = -1;
	if (count < 0) {
		archive_set_error(reader, EIO, "no more bytes");
		return -1;
	}
	stream->fed += (uint64_t)count;
	*ret = stream->input;
	return count;
}

/* As many bytes as tell the packing; fewer where there are no more. */
static int hold_first_bytes(struct archive_stream *stream, struct error *error)
{
	while (stream->held < PACKING_MAGIC_BYTES) {
		ssize_t count = read_some(stream->fd, stream->input + stream->held,
					  sizeof(stream->input) - stream->held);

		if (count < 0)
			return fail_to_read(error);
		if (count == 0)
			break;
		stream->held += (size_t)count;
	}
	return 0;
}

/* The filter is chosen here and not by the library, which would go on choosing: a stream that is packed
 * twice would have a second window that nobody looked at. */
static int choose_filter(struct archive_stream *stream)
{
	switch (packing_of(stream->input, stream->held)) {
	case PACKING_ZSTD:
		return archive_read_append_filter(stream->reader, ARCHIVE_FILTER_ZSTD);
	case PACKING_XZ:
		return archive_read_append_filter(stream->reader, ARCHIVE_FILTER_XZ);
	case PACKING_GZIP:
		return archive_read_append_filter(stream->reader, ARCHIVE_FILTER_GZIP);
	case PACKING_NONE:
		break;
	}
	return ARCHIVE_FATAL;
}

static int fail_to_unpack(const struct archive_stream *stream, struct error *error)
{
	const char *reason = archive_error_string(stream->reader);

	if (stream->error.code)
		return error_set(error, stream->error.code, "%s", stream->error.message);
	return error_set(error, ERROR_AGENT, "the compressed stream is cut or damaged%s%s",
			 reason ? ": " : "", reason ? reason : "");
}

static int start_reader(struct archive_stream *stream, struct error *error)
{
	struct archive_entry *entry;

	stream->reader = archive_read_new();
	if (!stream->reader || archive_read_support_format_raw(stream->reader) != ARCHIVE_OK ||
	    choose_filter(stream) != ARCHIVE_OK)
		return error_set(error, ERROR_AGENT, "not a zstd, xz or gzip stream");
	archive_window_init(&stream->window, packing_of(stream->input, stream->held));
	if (archive_read_open(stream->reader, stream, NULL, feed, NULL) != ARCHIVE_OK ||
	    archive_read_next_header(stream->reader, &entry) != ARCHIVE_OK)
		return fail_to_unpack(stream, error);
	return 0;
}

struct archive_stream *archive_stream_open(int fd, struct error *error)
{
	struct archive_stream *stream = mem_alloc(1, sizeof(*stream));

	stream->fd = fd;
	if (hold_first_bytes(stream, error) == 0 && start_reader(stream, error) == 0)
		return stream;
	archive_stream_close(stream);
	return NULL;
}

void archive_stream_close(struct archive_stream *stream)
{
	if (!stream)
		return;
	archive_read_free(stream->reader);
	free(stream);
}

/* gzip's decoder is content with the end of a member, whatever comes then. */
static int end_stream(struct archive_stream *stream, struct error *error)
{
	uint64_t used = (uint64_t)archive_filter_bytes(stream->reader, -1);
	ssize_t more = read_some(stream->fd, stream->input, sizeof(stream->input));

	if (more < 0)
		return fail_to_read(error);
	if (more > 0 || used != stream->fed)
		return error_set(error, ERROR_AGENT,
				 "something follows the end of the compressed stream");
	return 0;
}

int archive_stream_read(struct archive_stream *stream, const void **ret_bytes, size_t *ret_length,
			struct error *error)
{
	const void *bytes;
	size_t length;
	la_int64_t offset;
	int result;

	do
		result = archive_read_data_block(stream->reader, &bytes, &length, &offset);
	while (result == ARCHIVE_OK && length == 0);
	if (result == ARCHIVE_EOF)
		return end_stream(stream, error);
	if (result != ARCHIVE_OK)
		return fail_to_unpack(stream, error);
	*ret_bytes = bytes;
	*ret_length = length;
	return 1;
}

const char *archive_library_version(void)
{
	const char *text = archive_version_string(); /* "libarchive 3.7.4" */

	return text + strcspn(text, "0123456789");
}
