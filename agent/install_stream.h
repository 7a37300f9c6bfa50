/* SPDX-License-Identifier: Zlib */
/* One pinned file, downloaded and used in one stream: a process that speaks to the network, one that
 * hashes what that one passes on, and one that reads it then and writes below the staging directory
 * (install_pipeline.h). Nothing of it may be used before the digest has been compared. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct context;
struct error;
struct install_file;

struct install_stream {
	const struct context *context;
	const struct install_file *file;
	size_t first; /* index of the mirror to begin with */
	int staging;
	/* What becomes of the bytes, in a process that may write below STAGING alone. Returns 0, or -1
	 * with ERROR. */
	int (*consume)(int fd, int staging, struct error *error);
	int64_t end_us; /* run_clock_us() when time is over */
};

struct install_stream_end {
	size_t mirror;       /* the one that was used last */
	bool was_each_tried; /* no mirror is left, or none may be tried: a process does not end */
	uint64_t bytes;      /* that came */
	int64_t took_us;
};

/* Runs the stream, and says on stderr how far it is. Returns 0 when all of it came, was consumed and
 * has the pinned digest, else -1 with ERROR. */
int install_stream(const struct install_stream *stream, struct install_stream_end *ret,
		   struct error *error);
