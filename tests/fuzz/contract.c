/* SPDX-License-Identifier: Zlib */
/* A platform contract of somebody else's making. */
#include "agent/contract.h"

#include "agent/error.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct contract contract = {0};
	struct error error = {0};

	if (contract_read(&contract, fuzz_root(), fuzz_file(bytes, length), &error) == 0)
		(void)contract_forbids(&contract, "https://attic.tinyland.dev/main");
	else
		fuzz_expect(error.code == ERROR_USAGE && *error.message, "a refusal says why");
	contract_release(&contract);
	return 0;
}
