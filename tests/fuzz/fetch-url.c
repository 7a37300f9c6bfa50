/* SPDX-License-Identifier: Zlib */
/* Where a redirect leads: the input is a Location. */
#include "agent/fetch_url.h"

#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"

static void check(const struct fetch_url *url)
{
	struct fetch_url again;

	fuzz_expect(strncmp(url->text, "http://", 7) == 0 || strncmp(url->text, "https://", 8) == 0,
		    "http or https");
	fuzz_expect(url->url.is_tls == (url->text[4] == 's'), "TLS is where the scheme says so");
	fuzz_expect(!url->url.user && !url->url.password, "no user info");
	fuzz_expect(!strpbrk(url->text, " \t\r\n#"), "one word without a fragment");
	fuzz_expect(fetch_url_parse(url->text, &again, NULL) == 0, "what was made can be read");
	fuzz_expect(strcmp(again.text, url->text) == 0, "and is itself");
	fetch_url_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	static const char *const bases[] = {"https://h.example:81/a/b/c?q=/r", "http://h.example"};
	char *text = fuzz_text(bytes, length);
	struct fetch_url base, url;

	for (size_t i = 0; i < sizeof(bases) / sizeof(bases[0]); i++) {
		fuzz_expect(fetch_url_parse(bases[i], &base, NULL) == 0, "the base is a URL");
		if (fetch_url_resolve(&base, text, &url, NULL) == 0)
			check(&url);
		fetch_url_release(&url);
		fetch_url_release(&base);
	}
	free(text);
	return 0;
}
