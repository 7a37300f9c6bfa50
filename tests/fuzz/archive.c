/* SPDX-License-Identifier: Zlib */
/* A compressed stream. */
#include "agent/archive.h"

#include "agent/error.h"
#include "agent/strbuf.h"
#include "tests/fuzz/fuzz.h"

#define MAX_BYTES 65536u

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct strbuf out = STRBUF_INIT(MAX_BYTES);
	struct error error = {0};

	if (archive_decompress(bytes, length, &out, &error) < 0)
		fuzz_expect(*error.message, "a refusal says why");
	fuzz_expect(out.length <= MAX_BYTES, "what is unpacked is bounded");
	strbuf_release(&out);
	return 0;
}
