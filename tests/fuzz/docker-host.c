/* SPDX-License-Identifier: Zlib */
/* DOCKER_HOST: what is shown of it holds no secret and no control character. */
#include <stdlib.h>
#include <string.h>

#include "agent/error.h"
#include "probes/docker.h"
#include "tests/fuzz/fuzz.h"

static void check(const char *text, bool is_tls)
{
	struct docker_host host = {0};
	struct error error = {0};
	const char *shown;

	if (docker_host_parse(text, is_tls, &host, &error) < 0) {
		fuzz_expect(*error.message, "a refusal says why");
		return;
	}
	shown = host.shown ? host.shown : "";
	fuzz_expect(*shown, "something is shown");
	fuzz_expect((host.way == DOCKER_WAY_SOCKET) == (host.path && *host.path == '/'),
		    "a socket has an absolute path");
	if (host.way == DOCKER_WAY_TCP)
		fuzz_expect(host.url.port && (!strchr(shown, '@') || strchr(host.url.path, '@')),
			    "TCP has a port, and shows no user");
	docker_host_release(&host);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	char *text = fuzz_text(bytes, length);

	check(text, false);
	check(text, true);
	free(text);
	return 0;
}
