/* SPDX-License-Identifier: Zlib */
/* A .gitignore, which comes with the checkout, and a path: the input's first line is the path. */
#include "agent/ignore.h"

#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	char *text = fuzz_text(bytes, length);
	char *rules = text + strcspn(text, "\n");
	struct ignore outer = {0};
	struct ignore inner = {.outer = &outer};

	if (*rules)
		*rules++ = '\0';
	ignore_parse(&inner, rules);
	(void)ignore_matches(&inner, text, true);
	(void)ignore_matches(&inner, text, false);
	fuzz_expect(inner.count <= IGNORE_MAX_RULES, "rules have a bound");
	fuzz_expect(ignore_glob("**", text) == (*text != '\0'), "\"**\" fits every path");
	ignore_release(&inner);
	free(text);
	return 0;
}
