/* SPDX-License-Identifier: Zlib */
/* resolv.conf and the hosts file. */
#include "agent/resolve.h"

#include <stdlib.h>

#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	char *text = fuzz_text(bytes, length);
	struct resolver resolver = {0};
	struct resolve_answer answer = {0};

	resolver_parse(&resolver, text);
	fuzz_expect(resolver.ndots <= 15, "ndots is bounded");
	fuzz_expect(resolver.server_count <= RESOLVE_MAX_SERVERS, "servers are bounded");
	resolver_set_hosts(&resolver, text);
	(void)resolve_in_hosts_file(&resolver, "attic.nix-cache.svc.cluster.local", &answer);
	resolver_release(&resolver);
	free(text);
	return 0;
}
