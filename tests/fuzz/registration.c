/* SPDX-License-Identifier: Zlib */
/* A registration: what is printed is read as the same, and nothing refers out of it. */
#include "agent/registration.h"

#include <stdlib.h>
#include <string.h>

#include "agent/error.h"
#include "agent/narinfo.h"
#include "agent/strbuf.h"
#include "tests/fuzz/fuzz.h"

#define MAX_TEXT_BYTES (4u << 20)

static void expect_closed(const struct registration *registration)
{
	for (size_t i = 0; i < registration->count; i++) {
		const struct registered_path *path = &registration->paths[i];

		fuzz_expect(nix_store_path_is_valid(path->path), "each is a store path");
		fuzz_expect(registration_find(registration, path->path) == path, "it is found");
		for (size_t k = 0; k < path->references.count; k++)
			fuzz_expect(registration_find(registration, path->references.items[k]),
				    "the closure is closed");
	}
}

static void expect_same(const char *text, size_t length)
{
	struct strbuf again = STRBUF_INIT(MAX_TEXT_BYTES);
	struct registration registration = {0};

	fuzz_expect(registration_parse(text, length, "printed", &registration, NULL) == 0,
		    "what we print can be read");
	registration_print(&registration, &again);
	fuzz_expect(strcmp(again.data, text) == 0, "it is printed the same again");
	registration_release(&registration);
	strbuf_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct registration registration = {0};
	struct strbuf printed = STRBUF_INIT(MAX_TEXT_BYTES);
	struct error error = {0};

	if (registration_parse((const char *)bytes, length, "text", &registration, &error) == 0) {
		expect_closed(&registration);
		registration_print(&registration, &printed);
		fuzz_expect(printed.length <= 2 * length + 64, "it is not much longer");
		expect_same(printed.data, printed.length);
	}
	registration_release(&registration);
	strbuf_release(&printed);
	return 0;
}
