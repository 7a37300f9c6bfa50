/* SPDX-License-Identifier: Zlib */
/* A gRPC answer's frames, its message, and the capabilities in it. */
#include "agent/grpc.h"

#include <stdlib.h>

#include "agent/reapi.h"
#include "agent/strbuf.h"
#include "tests/fuzz/fuzz.h"

#define MAX_BODY_BYTES 65536u

static void read_body(const uint8_t *bytes, size_t length)
{
	struct grpc_response response = {
		.http = {.status = 200, .content_type = "application/grpc"},
	};
	struct reapi_capabilities capabilities;
	const char *name;

	strbuf_init(&response.http.body, MAX_BODY_BYTES);
	strbuf_add(&response.http.body, bytes, length);
	if (grpc_judge(&response) == GRPC_OK) {
		(void)reapi_decode_capabilities(response.payload, response.payload_length,
						&capabilities);
		(void)reapi_decode_health(response.payload, response.payload_length, &name);
	}
	strbuf_release(&response.http.body);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	char *text = fuzz_text(bytes, length);
	char message[64];

	read_body(bytes, length);
	grpc_decode_message(text, message, sizeof(message));
	free(text);
	return 0;
}
