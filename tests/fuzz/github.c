/* SPDX-License-Identifier: Zlib */
/* GITHUB_ENV: a value that we accept makes a block that the runner's grammar accepts. */
#include "agent/github.h"

#include <stdlib.h>

#include "agent/error.h"
#include "agent/strbuf.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	char *text = fuzz_text(bytes, length);
	struct strbuf block = STRBUF_INIT(GITHUB_MAX_BLOCK_BYTES);
	struct error error = {0};
	unsigned int line;

	(void)github_file_is_whole((const char *)bytes, length, &line);
	if (github_block_add(&block, "NAME", text, &error) == 0) {
		fuzz_expect(!github_value_problem(text), "no problem was overlooked");
		fuzz_expect(github_file_is_whole(block.data, block.length, &line),
			    "our own block is whole");
	}
	strbuf_clear(&block);
	github_annotation(&block, "error", text, text);
	strbuf_release(&block);
	free(text);
	return 0;
}
