/* SPDX-License-Identifier: Zlib */
/* What NVIDIA's kernel module says of its version. */
#include <stdlib.h>
#include <string.h>

#include "probes/gpu.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	char *text = fuzz_text(bytes, length);
	char version[32] = "";

	if (gpu_nvidia_version(text, version))
		fuzz_expect(strchr(version, '.') && !version[strspn(version, "0123456789.")],
			    "a version has digits and dots alone");
	else
		fuzz_expect(!*version, "where there is none, none is said");
	free(text);
	return 0;
}
