/* SPDX-License-Identifier: Zlib */
/* Where fetched bytes go: written in large pieces, each once. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum fetch_sink_failure {
	FETCH_SINK_OK,
	FETCH_SINK_TOO_LARGE,   /* what came before the piece that went beyond it is taken */
	FETCH_SINK_READER_GONE, /* EPIPE */
	FETCH_SINK_UNWRITABLE,  /* see write_errno */
};

struct fetch_sink {
	int fd; /* borrowed */
	uint64_t max_bytes;
	uint64_t bytes; /* taken in so far */
	uint64_t skip;  /* so many of those that come next are here already */
	enum fetch_sink_failure failure;
	int write_errno;
	char *buffer; /* what is not yet written */
	size_t buffered;
};

void fetch_sink_open(struct fetch_sink *sink, int fd, uint64_t max_bytes);

/* Begins with a response, the first SKIP bytes of whose body are here already. One that was too large
 * is forgotten: another mirror's may not be. */
void fetch_sink_begin(struct fetch_sink *sink, uint64_t skip);

/* Takes bytes in. Returns 0, or -1 with sink->failure; nothing of the response is taken from then on. */
int fetch_sink_take(struct fetch_sink *sink, const char *bytes, size_t length);

/* Writes what is still in the buffer; blocks as long as the reader does. Returns as fetch_sink_take. */
int fetch_sink_flush(struct fetch_sink *sink);

/* Releases everything; what is still in the buffer is lost. */
void fetch_sink_close(struct fetch_sink *sink);
