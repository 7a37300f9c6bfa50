/* SPDX-License-Identifier: Zlib */
/* What an Attic server answers: a cache's configuration, or an error. */
#include "agent/attic_config.h"

#include <ctype.h>

#include "agent/error.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct attic_config config = {0};
	struct attic_error said = {0};
	struct error error = {0};
	enum attic_answer_kind kind;

	if (attic_config_parse((const char *)bytes, length, &config, &kind, &error) == 0)
		fuzz_expect(kind == ATTIC_ANSWER_ATTIC, "what was parsed is Attic's");
	if (attic_error_parse((const char *)bytes, length, &said))
		for (const char *c = said.name; *c; c++)
			fuzz_expect(isalnum((unsigned char)*c), "an error's name is a word");
	attic_config_release(&config);
	return 0;
}
