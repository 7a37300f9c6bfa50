/* SPDX-License-Identifier: Zlib */
/* Endpoint URLs: what is shown of one holds none of its secrets. */
#include "agent/url.h"

#include <stdlib.h>
#include <string.h>

#include "agent/error.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	char *text = fuzz_text(bytes, length);
	struct url url = {0};
	struct error error = {0};

	if (url_parse(text, &url, &error) == 0) {
		char *shown = url_display(&url);

		fuzz_expect(!strchr(shown, '@') || strchr(url.path, '@'), "no user info is shown");
		fuzz_expect(url_is_same(&url, &url), "a URL leads where it leads");
		free(shown);
	}
	url_release(&url);
	free(text);
	return 0;
}
