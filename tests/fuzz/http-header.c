/* SPDX-License-Identifier: Zlib */
/* A server's header lines. */
#include "agent/http_header.h"

#include <stdlib.h>
#include <string.h>

#include "agent/http.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	const struct http_request request = {0};
	struct http_response response = {0};
	const uint8_t *at = bytes, *end = bytes + length;

	strbuf_init(&response.body, 1);
	http_header_clear(&response);
	while (at < end) {
		const uint8_t *line = memchr(at, '\n', (size_t)(end - at));
		const uint8_t *next = line ? line + 1 : end;

		http_header_take(&request, (const char *)at, (size_t)(next - at), &response);
		at = next;
	}
	fuzz_expect(response.content_length >= -1 && response.retry_after_s >= -1,
		    "a number is one, or -1");
	fuzz_expect(response.range_start < 0 || response.range_total < 0 ||
			    response.range_start < response.range_total,
		    "a part begins inside the whole");
	http_response_release(&response);
	return 0;
}
