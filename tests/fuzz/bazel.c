/* SPDX-License-Identifier: Zlib */
/* Protocol Buffers: a cache's capabilities and its health. */
#include "agent/reapi.h"
#include "agent/strbuf.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct strbuf names = STRBUF_INIT(4096);
	struct reapi_capabilities capabilities;
	const char *health;

	if (reapi_decode_capabilities(bytes, length, &capabilities) == 0) {
		reapi_digest_names(capabilities.digest_functions, &names);
		reapi_compressor_names(capabilities.compressors, &names);
		fuzz_expect(!names.is_truncated, "the names of all functions fit a page");
	}
	if (reapi_decode_health(bytes, length, &health) == 0)
		fuzz_expect(health && *health, "a health has a name");
	strbuf_release(&names);
	return 0;
}
