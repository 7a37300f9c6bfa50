/* SPDX-License-Identifier: Zlib */
/* A netrc that is merged: what is printed says the same when it is read again. */
#include "agent/netrc.h"

#include <stdlib.h>
#include <string.h>

#include "agent/error.h"
#include "agent/strbuf.h"
#include "tests/fuzz/fuzz.h"

#define MAX_TEXT_BYTES (4u << 20)

static bool is_same(const char *left, const char *right)
{
	return left && right ? strcmp(left, right) == 0 : left == right;
}

static void expect_same(const struct netrc *before, const char *text)
{
	struct netrc after = {0};
	struct error error = {0};

	fuzz_expect(netrc_parse(&after, text, &error) == 0, "what we print can be read");
	fuzz_expect(after.count == before->count, "no entry comes or goes");
	for (size_t i = 0; i < after.count; i++)
		fuzz_expect(after.entries[i].machine == NULL ||
				    is_same(after.entries[0].machine, "attic"),
			    "ours stays the first");
	netrc_release(&after);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	char *text = fuzz_text(bytes, length);
	struct strbuf printed = STRBUF_INIT(MAX_TEXT_BYTES);
	struct netrc netrc = {0};
	struct error error = {0};

	if (netrc_parse(&netrc, text, &error) == 0 &&
	    netrc_set(&netrc, "attic", "attic", "token", &error) == 0) {
		netrc_print(&netrc, &printed);
		if (!printed.is_truncated)
			expect_same(&netrc, printed.data);
	}
	strbuf_release(&printed);
	netrc_release(&netrc);
	free(text);
	return 0;
}
