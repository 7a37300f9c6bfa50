/* SPDX-License-Identifier: Zlib */
/* A narinfo, and its signatures. */
#include "agent/narinfo.h"

#include <stdlib.h>

#include "agent/error.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct nix_key key;
	struct narinfo narinfo = {0};
	struct error error = {0};

	if (!nix_key_parse("main:eaUydxuDu7xBoy5cCo3MdknYAkVyTIASQ7DGuwxa+XA=", &key))
		abort();
	if (narinfo_parse((const char *)bytes, length, &narinfo, &error) == 0) {
		fuzz_expect(nix_store_path_is_valid(narinfo.store_path), "it names a store path");
		free(narinfo_fingerprint(&narinfo));
		fuzz_expect(narinfo_verify(&narinfo, &key) != NARINFO_SIGNED, "nobody signed it");
	}
	narinfo_release(&narinfo);
	return 0;
}
