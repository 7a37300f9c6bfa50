/* SPDX-License-Identifier: Zlib */
/* Between the two halves of the walk over a compressed stream's headers. */
#pragma once

#include "agent/archive_window.h"

/* The first step of an xz stream; its header has XZ_HEADER_BYTES. */
#define XZ_HEADER_BYTES 12u
int archive_window_xz(struct archive_window *window, struct error *error);

/* The next step waits for WANT bytes that lie SKIP bytes ahead. */
static inline int window_next(struct archive_window *window, size_t want, uint64_t skip,
			      int (*step)(struct archive_window *, struct error *))
{
	window->have = 0;
	window->want = want;
	window->skip = skip;
	window->step = step;
	return 0;
}

/* The field goes on to WANT bytes in all. */
static inline int window_go_on(struct archive_window *window, size_t want,
			       int (*step)(struct archive_window *, struct error *))
{
	window->want = want;
	window->step = step;
	return 0;
}

/* 0, or -1 with ERROR where BYTES are too many. */
int window_judge(uint64_t bytes, struct error *error);

/* -1 with ERROR: these bytes are no headers of such a stream. */
int window_is_damaged(struct error *error);
