/* SPDX-License-Identifier: Zlib */
/* The step summary. What came from outside stands in code spans and fences alone. */
#include "agent/summary.h"

#include <stdlib.h>
#include <string.h>

#include "agent/cleanup.h"
#include "agent/emit.h"
#include "agent/markdown.h"
#include "agent/mem.h"
#include "agent/page_text.h"
#include "agent/redact.h"
#include "agent/report.h"
#include "agent/result.h"
#include "agent/strbuf.h"
#include "agent/text.h"
#include "agent/version.h"
#include "probes/table.h"

#define SUMMARY_MAX_BYTES 262144u
#define TABLES_MAX_BYTES 131072u /* the timeline and the report come behind them */
#define CELL_MAX_BYTES 1000u

static void add_code(struct strbuf *out, const struct result *result, const char *text)
{
	CLEANUP_FREE char *shown = redact_line(result, text ? text : "");
	CLEANUP_FREE char *cell = text_cleaned(shown, CELL_MAX_BYTES);

	markdown_code(out, cell);
}

/* Each line a code span of its own, so that a configuration stays readable in a cell. */
static void add_code_lines(struct strbuf *out, const struct result *result, const char *text)
{
	while (*text) {
		size_t length = strcspn(text, "\n");
		CLEANUP_FREE char *line = mem_strndup(text, length);

		add_code(out, result, line);
		text += length;
		if (*text == '\n' && *++text)
			strbuf_puts(out, "<br>");
	}
}

static void add_headline(struct strbuf *out, const struct result *result)
{
	static const char *const sentences[] = {
		[OUTCOME_READY] = "Every proof passed",
		[OUTCOME_DEGRADED] = "It works, but worse than it should",
		[OUTCOME_FAILED] = "The lane does not keep what it promises",
	};

	strbuf_printf(out, "## spinup: %s\n\n", outcome_name(result->outcome));
	if (result->job->lane.label && *result->job->lane.label) {
		strbuf_puts(out, "Lane ");
		add_code(out, result, result->job->lane.label);
		strbuf_puts(out, ". ");
	}
	strbuf_printf(out, "%s. %zu proofs in ", sentences[result->outcome], result->run->count);
	page_duration(out, result->run->elapsed_us / 1000);
	strbuf_puts(out, ", spinup " SPINUP_VERSION ".\n\n");
}

static void add_finding(struct strbuf *out, const struct result *result,
			const struct finding *finding)
{
	CLEANUP_FREE char *subject = redact_subject(result, finding);
	bool is_ok = finding->severity == SEVERITY_OK;

	strbuf_printf(out, "| %s%s%s | ", is_ok ? "" : "**", severity_name(finding->severity),
		      is_ok ? "" : "**");
	add_code(out, result, finding->probe);
	strbuf_puts(out, " | ");
	add_code(out, result, subject);
	strbuf_puts(out, " | ");
	add_code(out, result, finding->detail);
	strbuf_puts(out, " | ");
	if (!is_ok) {
		add_code(out, result, finding->remedy);
		strbuf_printf(out, " (%s)", finding_kind(finding->id)->id);
	}
	strbuf_puts(out, " |\n");
}

static void add_findings(struct strbuf *out, const struct result *result)
{
	const struct findings *findings = &result->run->findings;
	size_t left_out = 0;

	strbuf_puts(out, "| | proof | of | seen | to do |\n| --- | --- | --- | --- | --- |\n");
	for (size_t i = 0; i < findings->count; i++) {
		if (out->length > TABLES_MAX_BYTES)
			left_out++;
		else
			add_finding(out, result, &findings->items[i]);
	}
	if (left_out)
		strbuf_printf(out, "\n%zu more findings are in the report alone.\n", left_out);
	strbuf_putc(out, '\n');
}

static void add_past_finding(struct strbuf *out, const struct result *result,
			     const struct history_entry *entry,
			     const struct history_finding *finding)
{
	CLEANUP_FREE char *subject = redact_past_subject(result, finding);

	strbuf_printf(out, "| %s | %s | %s | ", surface_name(entry->surface),
		      severity_name(finding->severity), finding->id);
	add_code(out, result, subject);
	strbuf_puts(out, " | ");
	add_code(out, result, finding->detail);
	strbuf_printf(out, " | %s |\n",
		      history_finding_holds(finding, result) ? "**still there**" : "gone");
}

static void add_history(struct strbuf *out, const struct result *result)
{
	const struct history *history = &result->job->history;
	size_t findings = 0;

	if (!history->count)
		return;
	strbuf_puts(out, "### Earlier in this runner, and what became of it\n\n");
	for (size_t i = 0; i < history->count; i++) {
		const struct history_entry *entry = &history->entries[i];

		strbuf_puts(out, "- ");
		page_past_run(out, entry);
		findings += entry->finding_count;
	}
	if (findings)
		strbuf_puts(out, "\n| when | | finding | of | seen then | now |\n"
				 "| --- | --- | --- | --- | --- | --- |\n");
	for (size_t i = 0; i < history->count; i++)
		for (size_t j = 0; j < history->entries[i].finding_count; j++)
			if (out->length <= TABLES_MAX_BYTES)
				add_past_finding(out, result, &history->entries[i],
						 &history->entries[i].findings[j]);
	strbuf_putc(out, '\n');
}

static void add_configuration(struct strbuf *out, const struct result *result)
{
	const struct environment *environment = result->environment;

	if (!environment || !environment->count)
		return;
	strbuf_puts(out, emit_gives_environment(result)
				 ? "### What the next steps get\n\n"
				 : "### What the next steps would have got\n\n");
	strbuf_puts(out, "| name | value | from |\n| --- | --- | --- |\n");
	for (size_t i = 0; i < environment->count && out->length <= TABLES_MAX_BYTES; i++) {
		const struct variable *variable = &environment->variables[i];
		CLEANUP_FREE char *value = variable_display(variable);

		strbuf_printf(out, "| `%s` | ", variable->name);
		if (*value)
			add_code_lines(out, result, value);
		else
			strbuf_puts(out, "emptied");
		strbuf_puts(out, " | ");
		add_code(out, result, variable->source);
		strbuf_puts(out, " |\n");
	}
	strbuf_putc(out, '\n');
}

/* ---- the timeline: its labels are the probes' own names, never text from outside */

/* How many of the first COUNT tasks are of the same probe as the one at INDEX. */
static size_t siblings(const struct run *run, size_t index, size_t count)
{
	size_t found = 0;

	for (size_t i = 0; i < count; i++)
		found += run->results[i].task->probe == run->results[index].task->probe;
	return found;
}

static void add_bar(struct strbuf *out, const struct run *run, size_t index)
{
	const struct task_result *task = &run->results[index];
	long long start_ms = task->start_us / 1000, took_ms = task->took_us / 1000;

	strbuf_printf(out, "    %s", task->task->probe->name);
	if (siblings(run, index, run->count) > 1)
		strbuf_printf(out, " %zu", siblings(run, index, index) + 1);
	strbuf_printf(out, " (%lld ms) :%s, %lld, %lld\n", took_ms,
		      task->end == TASK_END_DONE ? "done" : "crit", start_ms,
		      start_ms + (took_ms > 0 ? took_ms : 1));
}

static void add_past_bars(struct strbuf *out, const struct history_entry *entry)
{
	strbuf_printf(out, "    section %s\n", surface_name(entry->surface));
	for (size_t i = 0; i < entry->task_count; i++) {
		const struct history_task *task = &entry->tasks[i];
		long long start_ms = task->start_ms, took_ms = task->took_ms;

		strbuf_printf(out, "    %s (%lld ms) :%s, %lld, %lld\n", task->probe->name, took_ms,
			      task->is_done ? "done" : "crit", start_ms,
			      start_ms + (took_ms > 0 ? took_ms : 1));
	}
}

/* Each surface's bars begin at its own start. */
static void add_timeline(struct strbuf *out, const struct result *result)
{
	const struct history *history = &result->job->history;
	const struct run *run = result->run;

	if (!run->count)
		return;
	strbuf_puts(out, "```mermaid\ngantt\n    title The proofs, side by side\n"
			 "    dateFormat x\n    axisFormat %S.%L s\n");
	for (size_t i = 0; i < history->count; i++)
		add_past_bars(out, &history->entries[i]);
	if (history->count)
		strbuf_printf(out, "    section %s, now\n",
			      surface_name(result->job->context.surface));
	for (size_t i = 0; i < run->count; i++)
		add_bar(out, run, i);
	strbuf_puts(out, "```\n\n");
}

static void add_report(struct strbuf *out, const struct result *result)
{
	static const char opening[] = "<details><summary>The report</summary>\n\n";
	static const char closing[] = "\n</details>\n";
	CLEANUP_STRBUF struct strbuf block = STRBUF_INIT(SUMMARY_MAX_BYTES);

	markdown_fence(&block, "json", report_text(result)->data);
	if (block.is_truncated ||
	    out->length + block.length + sizeof(opening) + sizeof(closing) > SUMMARY_MAX_BYTES) {
		strbuf_puts(out, "The report is too long for this page; it is the file at "
				 "`SPINUP_REPORT_PATH`.\n");
		return;
	}
	strbuf_puts(out, opening);
	strbuf_add(out, block.data, block.length);
	strbuf_puts(out, closing);
}

void summary_print(const struct result *result, struct strbuf *out)
{
	CLEANUP_STRBUF struct strbuf page = STRBUF_INIT(SUMMARY_MAX_BYTES);

	add_headline(&page, result);
	add_findings(&page, result);
	add_history(&page, result);
	add_configuration(&page, result);
	add_timeline(&page, result);
	add_report(&page, result);
	strbuf_add(out, page.data, page.length);
}
