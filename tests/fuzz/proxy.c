/* SPDX-License-Identifier: Zlib */
/* A proxy's URL and the list of hosts without one, each a line of the input: what is shown of the URL, or
 * said about it, holds none of its secrets; and the list grows by what is added. */
#include "agent/proxy.h"

#include <stdlib.h>
#include <string.h>

#include "agent/context.h"
#include "agent/error.h"
#include "agent/mem.h"
#include "agent/no_proxy.h"
#include "agent/url.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	char *text = fuzz_text(bytes, length);
	size_t line = strcspn(text, "\n");
	char *proxy_line = mem_format("https_proxy=%.*s", (int)line, text);
	char *list_line = mem_format("no_proxy=%s", text[line] ? text + line + 1 : "");
	char *environment[] = {proxy_line, list_line, NULL};
	const struct context context = {.environment = environment};
	const struct url url = {.host = (char[]){"cache.example"}, .is_tls = true};
	struct proxy proxy;
	char *joined;
	struct error error = {0};

	if (proxy_for(&context, &url, &proxy, &error)) {
		fuzz_expect(*error.message, "what cannot be used is told");
		fuzz_expect(!proxy.text, "and is not used");
	} else if (proxy.text) {
		fuzz_expect(!strchr(proxy.shown, '@'), "no user info is shown");
		fuzz_expect(strstr(proxy.text, proxy.host), "the host is the URL's");
	}
	proxy_release(&proxy);
	(void)no_proxy_holds(list_line, "10.96.3.4");
	(void)no_proxy_holds(list_line, "fd00::1");
	joined = no_proxy_with(&context, "cache.example");
	fuzz_expect(no_proxy_holds(joined, url.host), "what was added is excepted");
	fuzz_expect(!strpbrk(joined, "\r\n"), "one line stays one");
	free(joined);
	free(proxy_line);
	free(list_line);
	free(text);
	return 0;
}
