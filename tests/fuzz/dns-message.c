/* SPDX-License-Identifier: Zlib */
/* What a name server answers. */
#include "agent/dns_message.h"

#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	uint8_t query[DNS_MAX_QUERY];
	const size_t query_length =
		dns_write_query(query, 0x1234, "attic.nix-cache.svc.cluster.local", DNS_A);
	struct dns_answer answer = {0};

	if (dns_read_answer(bytes, length, query, query_length, &answer) == DNS_ANSWER)
		fuzz_expect(answer.address_count <= DNS_MAX_ADDRESSES, "addresses are bounded");
	return 0;
}
