/* SPDX-License-Identifier: Zlib */
/* What a Docker daemon says of its version. */
#include "probes/docker.h"

#include <string.h>

#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct docker_version version = {0};

	if (!docker_version_read((const char *)bytes, length, &version))
		return 0;
	fuzz_expect(docker_api_is_version(version.api), "the API's version is one");
	fuzz_expect(docker_api_compare(version.api, version.api) == 0, "it is as old as itself");
	fuzz_expect(!*version.oldest_api || docker_api_is_version(version.oldest_api),
		    "and so is the oldest");
	fuzz_expect(!strpbrk(version.version, " \n:%"), "a version is one plain word");
	fuzz_expect(!strpbrk(version.system, " \n:%"), "and so is a system");
	return 0;
}
