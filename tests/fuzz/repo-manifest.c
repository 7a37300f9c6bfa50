/* SPDX-License-Identifier: Zlib */
/* A tinyland.repo.json, which comes with the checkout. */
#include "agent/repo_manifest.h"

#include "agent/error.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct repo_manifest manifest;
	struct error error = {0};

	if (repo_manifest_parse(&manifest, (const char *)bytes, length, &error) == 0)
		fuzz_expect(!manifest.substrate_mode || *manifest.substrate_mode,
			    "an empty mode is none");
	else
		fuzz_expect(error.code == ERROR_USAGE && *error.message, "a refusal says why");
	repo_manifest_release(&manifest);
	return 0;
}
