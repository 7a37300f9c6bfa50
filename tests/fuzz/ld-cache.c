/* SPDX-License-Identifier: Zlib */
/* The dynamic loader's cache, /etc/ld.so.cache. */
#include <string.h>

#include "probes/gpu_loader.h"
#include "tests/fuzz/fuzz.h"

#define MAX_BYTES (8u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct words words = {0};
	size_t sum = 0;

	gpu_library_cache_read((const char *)bytes, length, &words);
	for (size_t i = 0; i < words.count; i++) {
		fuzz_expect(words.items[i][0] == '/', "what is no absolute path is left out");
		sum += strlen(words.items[i]);
	}
	fuzz_expect(sum <= MAX_BYTES, "the paths take no more room than a cache may");
	words_release(&words);
	return 0;
}
