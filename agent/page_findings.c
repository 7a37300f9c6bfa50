/* SPDX-License-Identifier: Zlib */
/* The terminal page's findings and its verdict. */
#include <stdlib.h>
#include <string.h>

#include "agent/cleanup.h"
#include "agent/command.h"
#include "agent/page.h"
#include "agent/page_sections.h"
#include "agent/page_text.h"
#include "agent/redact.h"
#include "agent/result.h"
#include "agent/strbuf.h"
#include "agent/text.h"
#include "probes/table.h"

#define SEVERITY_COLUMN 2u
#define PROBE_COLUMN 11u
#define PROBE_MAX 12u
#define TOOK_COLUMNS 8u
#define TEXT_MAX_BYTES 8192u
#define BRIEF_MAX_BYTES 160u

static size_t text_column(const struct findings *findings)
{
	size_t longest = 5;

	for (size_t i = 0; i < findings->count; i++) {
		size_t columns = page_columns(findings->items[i].probe);

		if (columns > longest)
			longest = columns;
	}
	return PROBE_COLUMN + (longest < PROBE_MAX ? longest : PROBE_MAX) + 2;
}

/* Puts the time at the right end of the first line of LINES. */
static void add_with_took(struct strbuf *out, const char *lines, int64_t took_ms,
			  const struct page_style *style)
{
	CLEANUP_STRBUF struct strbuf took = STRBUF_INIT(32);
	size_t first = strcspn(lines, "\n");

	page_duration(&took, took_ms);
	strbuf_add(out, lines, first);
	if (took.length) {
		page_pad(out, style->width - page_columns(took.data));
		page_colour(out, style, PAGE_DIM, took.data);
	}
	strbuf_puts(out, lines + first);
	strbuf_putc(out, '\n');
}

static void print_remedy(const struct result *result, const struct finding *finding, size_t column,
			 const struct page_style *style, struct strbuf *out)
{
	struct page_paragraph paragraph = {column + 3, style->width};
	CLEANUP_STRBUF struct strbuf text = STRBUF_INIT(TEXT_MAX_BYTES);
	CLEANUP_FREE char *remedy = redact_line(result, finding->remedy);

	strbuf_printf(&text, "%s%s[%s]", remedy ? remedy : "", remedy && *remedy ? "  " : "",
		      finding_kind(finding->id)->id);
	strbuf_printf(out, "%*s-> ", (int)column, "");
	page_wrap(out, &paragraph, text.data);
	strbuf_putc(out, '\n');
}

static void print_finding(const struct result *result, const struct finding *finding, size_t column,
			  const struct page_style *style, struct strbuf *out)
{
	struct page_paragraph paragraph = {column, style->width - TOOK_COLUMNS};
	CLEANUP_STRBUF struct strbuf lines = STRBUF_INIT(TEXT_MAX_BYTES);
	CLEANUP_FREE char *subject = redact_subject(result, finding);
	CLEANUP_FREE char *detail = redact_line(result, finding->detail);
	struct page_pair pair = {subject, PAGE_BOLD, detail};

	strbuf_printf(&lines, "%*s", (int)SEVERITY_COLUMN, "");
	page_colour(&lines, style, page_severity_colour(finding->severity),
		    severity_name(finding->severity));
	page_pad(&lines, PROBE_COLUMN);
	strbuf_puts(&lines, finding->probe);
	page_pad(&lines, column);
	page_wrap_pair(&lines, &paragraph, style, &pair);
	add_with_took(out, lines.data, finding->took_ms, style);
	if (finding->severity != SEVERITY_OK)
		print_remedy(result, finding, column, style, out);
}

/* In a job's log what is well and promises nothing is only counted. */
static bool is_counted_only(const struct result *result, const struct finding *finding,
			    const struct page_style *style)
{
	const struct plan *plan = result->plan;

	return !style->is_complete && finding->severity == SEVERITY_OK &&
	       finding->task_index >= 0 && (size_t)finding->task_index < plan->count &&
	       plan->tasks[finding->task_index].kind == TASK_ADVICE;
}

void page_print_findings(const struct result *result, const struct page_style *style,
			 struct strbuf *out)
{
	const struct findings *findings = &result->run->findings;
	size_t column = text_column(findings), counted = 0;

	strbuf_putc(out, '\n');
	for (size_t i = 0; i < findings->count; i++) {
		if (is_counted_only(result, &findings->items[i], style))
			counted++;
		else
			print_finding(result, &findings->items[i], column, style, out);
	}
	if (!counted)
		return;
	strbuf_puts(out, "  ");
	page_colour(out, style, PAGE_GREEN, "ok");
	page_pad(out, PROBE_COLUMN);
	strbuf_printf(out, "and %zu more; spinup doctor shows them\n", counted);
}

/* ---- the verdict */

static size_t count_severity(const struct findings *findings, enum severity severity)
{
	size_t count = 0;

	for (size_t i = 0; i < findings->count; i++)
		count += findings->items[i].severity == severity;
	return count;
}

/* The first one counts: findings are sorted, most severe first. */
static void describe_worst(const struct result *result, struct strbuf *out)
{
	const struct findings *findings = &result->run->findings;
	const struct finding *worst = findings->count ? &findings->items[0] : NULL;
	CLEANUP_FREE char *subject = NULL;
	CLEANUP_FREE char *detail = NULL;
	CLEANUP_FREE char *brief = NULL;
	CLEANUP_FREE char *remedy = NULL;

	if (!worst || worst->severity < SEVERITY_WARNING)
		return;
	subject = redact_subject(result, worst);
	detail = redact_line(result, worst->detail);
	remedy = redact_line(result, worst->remedy);
	brief = text_cleaned(detail, BRIEF_MAX_BYTES);
	strbuf_printf(out, " %s%s%s: %s%s", worst->probe, *subject ? " " : "", subject, brief,
		      text_ends_with(brief, ".") || text_ends_with(brief, "…") ? "" : ".");
	if (remedy && *remedy)
		strbuf_printf(out, " Do first: %s", remedy);
}

static void describe_ready(const struct result *result, struct strbuf *out)
{
	const struct run *run = result->run;

	strbuf_printf(out, "%s %zu proof%s in ",
		      result->command->bit == COMMAND_PROBE ? "It works."
							    : "The lane keeps what it promises.",
		      run->count, run->count == 1 ? "" : "s");
	page_duration(out, run->elapsed_us / 1000);
	strbuf_putc(out, '.');
}

static void describe_trouble(const struct result *result, struct strbuf *out)
{
	const struct findings *findings = &result->run->findings;
	size_t errors = count_severity(findings, SEVERITY_ERROR);
	size_t warnings = count_severity(findings, SEVERITY_WARNING);

	if (errors)
		strbuf_printf(out, "%zu error%s", errors, errors == 1 ? "" : "s");
	if (errors && warnings)
		strbuf_puts(out, ", ");
	if (warnings)
		strbuf_printf(out, "%zu warning%s", warnings, warnings == 1 ? "" : "s");
	strbuf_puts(out, ".");
	describe_worst(result, out);
	if (result->outcome == OUTCOME_FAILED && verdict_status(result->outcome, result->job) == 0)
		strbuf_puts(out, result->command->bit == COMMAND_EXEC
					 ? " The command is started all the same."
					 : " The job goes on all the same: the mode is warn.");
}

void page_print_verdict(const struct result *result, const struct page_style *style,
			struct strbuf *out)
{
	static const struct {
		const char *word;
		enum page_colour colour;
	} words[] = {
		[OUTCOME_READY] = {"READY", PAGE_GREEN},
		[OUTCOME_DEGRADED] = {"DEGRADED", PAGE_YELLOW},
		[OUTCOME_FAILED] = {"FAILED", PAGE_RED},
	};
	struct page_paragraph paragraph = {2, style->width};
	CLEANUP_STRBUF struct strbuf text = STRBUF_INIT(TEXT_MAX_BYTES);

	if (result->outcome == OUTCOME_READY)
		describe_ready(result, &text);
	else
		describe_trouble(result, &text);
	strbuf_putc(out, '\n');
	page_colour(out, style, words[result->outcome].colour, words[result->outcome].word);
	strbuf_puts(out, "  ");
	page_wrap(out, &paragraph, text.data);
	strbuf_putc(out, '\n');
	if (result->outcome != OUTCOME_READY)
		strbuf_puts(
			out,
			"`spinup explain ID` tells more of a finding; its ID stands in brackets.\n");
}
