/* SPDX-License-Identifier: Zlib */
/* Hostile words on their way to a page, a log and a summary. */
#include "agent/text.h"

#include <stdlib.h>
#include <string.h>

#include "agent/markdown.h"
#include "agent/strbuf.h"
#include "tests/fuzz/fuzz.h"

#define MAX_BYTES 65536u

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	char *text = fuzz_text(bytes, length);
	struct strbuf out = STRBUF_INIT(8 * MAX_BYTES);
	struct strbuf again = STRBUF_INIT(8 * MAX_BYTES);

	text_clean(&out, text, MAX_BYTES);
	for (size_t i = 0; i < out.length; i++)
		fuzz_expect((unsigned char)out.data[i] >= ' ' && out.data[i] != 0x7f,
			    "a clean text has no control characters");
	fuzz_expect(!strstr(out.data, "##["), "a clean text holds no workflow command");
	text_clean(&again, out.data, 8 * MAX_BYTES);
	fuzz_expect(strcmp(out.data, again.data) == 0, "cleaning twice is cleaning once");
	strbuf_clear(&again);
	markdown_code(&again, out.data);
	fuzz_expect(!strchr(again.data, '\n'), "a code span is one line");
	strbuf_clear(&again);
	text_redact_urls(&again, text);
	strbuf_release(&again);
	strbuf_release(&out);
	free(text);
	return 0;
}
