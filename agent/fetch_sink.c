/* SPDX-License-Identifier: Zlib */
/* Where fetched bytes go. */
#include "agent/fetch_sink.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/mem.h"

/* libcurl hands over 16 KiB at most; a pipe holds 64 KiB, or more where its owner asked for it. */
#define BUFFER_BYTES ((size_t)256 << 10)

void fetch_sink_open(struct fetch_sink *sink, int fd, uint64_t max_bytes)
{
	*sink = (struct fetch_sink){
		.fd = fd,
		.max_bytes = max_bytes,
		.buffer = mem_alloc(BUFFER_BYTES, 1),
	};
}

void fetch_sink_begin(struct fetch_sink *sink, uint64_t skip)
{
	if (sink->failure == FETCH_SINK_TOO_LARGE)
		sink->failure = FETCH_SINK_OK;
	sink->skip = skip;
}

static int fail(struct fetch_sink *sink, enum fetch_sink_failure failure)
{
	sink->failure = failure;
	return -1;
}

int fetch_sink_flush(struct fetch_sink *sink)
{
	size_t written = 0;

	if (sink->failure > FETCH_SINK_TOO_LARGE)
		return -1;
	while (written < sink->buffered) {
		ssize_t count = write(sink->fd, sink->buffer + written, sink->buffered - written);

		if (count < 0 && errno == EINTR)
			continue;
		if (count <= 0) {
			sink->write_errno = count ? errno : EIO;
			return fail(sink, sink->write_errno == EPIPE ? FETCH_SINK_READER_GONE
								     : FETCH_SINK_UNWRITABLE);
		}
		written += (size_t)count;
	}
	sink->buffered = 0;
	return 0;
}

int fetch_sink_take(struct fetch_sink *sink, const char *bytes, size_t length)
{
	size_t skipped = length < sink->skip ? length : (size_t)sink->skip;

	if (sink->failure)
		return -1;
	sink->skip -= skipped;
	bytes += skipped;
	length -= skipped;
	if (length > sink->max_bytes - sink->bytes)
		return fail(sink, FETCH_SINK_TOO_LARGE);
	sink->bytes += length;
	while (length) {
		size_t room = BUFFER_BYTES - sink->buffered;
		size_t count = length < room ? length : room;

		memcpy(sink->buffer + sink->buffered, bytes, count);
		sink->buffered += count;
		bytes += count;
		length -= count;
		if (sink->buffered == BUFFER_BYTES && fetch_sink_flush(sink))
			return -1;
	}
	return 0;
}

void fetch_sink_close(struct fetch_sink *sink)
{
	free(sink->buffer);
	*sink = (struct fetch_sink){.fd = -1};
}
