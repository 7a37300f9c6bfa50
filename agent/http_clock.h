/* SPDX-License-Identifier: Zlib */
/* How long one request may take. libcurl's own clock is none for a machine that is short of processors: it looks
 * whether time is over before it looks at what has come meanwhile. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct http_request;

struct http_clock {
	int64_t end_us, connect_end_us; /* starvation_end_us() of each */
};

/* Begins now, with the request's two limits. */
struct http_clock http_clock_begin(const struct http_request *request);

/* Milliseconds that may still be waited, in one or the other half of the request; 0 when they are over. */
int http_clock_left_ms(const struct http_clock *clock, bool is_connected);
