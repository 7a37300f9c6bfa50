/* SPDX-License-Identifier: Zlib */
/* The time limits of one request. */
#include "agent/http_clock.h"

#include <limits.h>

#include "agent/http.h"
#include "agent/starvation.h"

struct http_clock http_clock_begin(const struct http_request *request)
{
	unsigned int connect_ms =
		request->connect_timeout_ms ? request->connect_timeout_ms : request->timeout_ms;

	return (struct http_clock){
		.end_us = starvation_end_us(request->timeout_ms * INT64_C(1000)),
		.connect_end_us = starvation_end_us(connect_ms * INT64_C(1000)),
	};
}

int http_clock_left_ms(const struct http_clock *clock, bool is_connected)
{
	bool is_connecting = !is_connected && clock->connect_end_us < clock->end_us;
	int64_t left_us = starvation_wait_us(is_connecting ? clock->connect_end_us : clock->end_us);

	if (left_us <= 0)
		return 0;
	return left_us / 1000 < INT_MAX ? (int)(left_us / 1000) + 1 : INT_MAX;
}
