/* SPDX-License-Identifier: Zlib */
/* The terminal page's history: what earlier surfaces found, beside what is so now. */
#include <stdlib.h>

#include "agent/cleanup.h"
#include "agent/mem.h"
#include "agent/page.h"
#include "agent/page_sections.h"
#include "agent/page_text.h"
#include "agent/redact.h"
#include "agent/result.h"
#include "agent/strbuf.h"
#include "agent/text.h"

#define WORD_COLUMN 4u
#define TEXT_COLUMN 17u
#define DETAIL_MAX_BYTES 160u

static void print_finding(const struct result *result, const struct history_finding *finding,
			  const struct page_style *style, struct strbuf *out)
{
	struct page_paragraph paragraph = {TEXT_COLUMN, style->width};
	CLEANUP_FREE char *probe = redact_line(result, finding->probe);
	CLEANUP_FREE char *subject = redact_past_subject(result, finding);
	CLEANUP_FREE char *detail = redact_line(result, finding->detail);
	CLEANUP_FREE char *brief = text_cleaned(detail, DETAIL_MAX_BYTES);
	CLEANUP_FREE char *text =
		mem_format("%s %s%s%s: %s [%s]", severity_name(finding->severity), probe,
			   *subject ? " " : "", subject, brief, finding->id);
	bool holds = history_finding_holds(finding, result);

	strbuf_printf(out, "%*s", (int)WORD_COLUMN, "");
	page_colour(out, style, holds ? page_severity_colour(finding->severity) : PAGE_GREEN,
		    holds ? "still there" : "gone");
	page_pad(out, TEXT_COLUMN);
	page_wrap(out, &paragraph, text);
	strbuf_putc(out, '\n');
}

void page_print_history(const struct result *result, const struct page_style *style,
			struct strbuf *out)
{
	const struct history *history = &result->job->history;

	if (!history->count)
		return;
	strbuf_puts(out, "\nEarlier in this runner, and what became of it\n");
	for (size_t i = 0; i < history->count; i++) {
		const struct history_entry *entry = &history->entries[i];

		strbuf_puts(out, "  ");
		page_past_run(out, entry);
		for (size_t j = 0; j < entry->finding_count; j++)
			print_finding(result, &entry->findings[j], style, out);
	}
}
