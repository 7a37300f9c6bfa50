/* SPDX-License-Identifier: Zlib */
/* An earlier surface's report, as a step reads it. */
#include "agent/history.h"

#include <string.h>

#include "agent/error.h"
#include "agent/strbuf.h"
#include "tests/fuzz/fuzz.h"

#define MAX_BYTES (1u << 20)

static void expect_clean(const char *text)
{
	fuzz_expect(!strpbrk(text, "\n\r\033"), "a text of the report is one plain line");
	fuzz_expect(!strstr(text, "##["), "a text of the report holds no workflow command");
}

static void expect_bounded(const struct history_entry *entry)
{
	expect_clean(entry->label);
	fuzz_expect(entry->finding_count <= 64 && entry->task_count <= 64, "lists are bounded");
	for (size_t i = 0; i < entry->finding_count; i++) {
		fuzz_expect(entry->findings[i].severity != SEVERITY_OK, "what is ok is left out");
		expect_clean(entry->findings[i].id);
		expect_clean(entry->findings[i].probe);
		expect_clean(entry->findings[i].subject);
		expect_clean(entry->findings[i].detail);
	}
	for (size_t i = 0; i < entry->task_count; i++)
		fuzz_expect(entry->tasks[i].probe && entry->tasks[i].took_ms >= 0,
			    "a task is a probe's");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct strbuf text = STRBUF_INIT(MAX_BYTES);
	struct history history;
	struct error error = {0};

	strbuf_add(&text, bytes, length);
	if (history_parse(&history, &text, SURFACE_STEP, &error) < 0)
		fuzz_expect(!history.count && *error.message, "a refusal says why");
	fuzz_expect(history.count <= HISTORY_MAX_ENTRIES, "entries are bounded");
	for (size_t i = 0; i < history.count; i++)
		expect_bounded(&history.entries[i]);
	history_release(&history);
	strbuf_release(&text);
	return 0;
}
