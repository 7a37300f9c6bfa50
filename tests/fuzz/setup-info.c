/* SPDX-License-Identifier: Zlib */
/* A .setup_info that others wrote, into which ours is put. */
#include "agent/setup_info.h"

#include <stdlib.h>
#include <string.h>

#include "agent/error.h"
#include "agent/strbuf.h"
#include "tests/fuzz/fuzz.h"

#define MAX_BYTES (4u << 20)
#define DETAIL "ready: lane \"tinyland-nix\"\n"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct strbuf once = STRBUF_INIT(MAX_BYTES), twice = STRBUF_INIT(MAX_BYTES);
	char *text = fuzz_text(bytes, length);
	struct error error = {0};

	if (setup_info_merge(text, DETAIL, &once, &error) == 0) {
		fuzz_expect(setup_info_merge(once.data, DETAIL, &twice, &error) == 0,
			    "what was written can be read");
		fuzz_expect(strcmp(once.data, twice.data) == 0, "a second time changes nothing");
	} else {
		fuzz_expect(*error.message && !once.length, "a refusal says why");
	}
	strbuf_release(&once);
	strbuf_release(&twice);
	free(text);
	return 0;
}
