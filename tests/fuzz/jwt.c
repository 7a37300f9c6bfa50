/* SPDX-License-Identifier: Zlib */
/* A token's claims, and what they allow on a cache. */
#include "agent/jwt.h"

#include <stdlib.h>

#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	char *text = fuzz_text(bytes, length);
	struct attic_token token = {0};

	if (attic_token_read(text, "main", &token))
		fuzz_expect(token.has_permissions || !token.may_push, "no right without a claim");
	free(text);
	return 0;
}
