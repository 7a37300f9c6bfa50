/* SPDX-License-Identifier: Zlib */
/* The terminal page's two lists: what the next steps get, and every fact. */
#include <stdlib.h>
#include <string.h>

#include "agent/cleanup.h"
#include "agent/command.h"
#include "agent/emit.h"
#include "agent/mem.h"
#include "agent/nix_links.h"
#include "agent/page.h"
#include "agent/page_sections.h"
#include "agent/page_text.h"
#include "agent/redact.h"
#include "agent/result.h"
#include "agent/strbuf.h"

#define NAME_COLUMN 2u
#define NAME_MAX_COLUMNS 38u

/* Several lines stand below one another, each behind a bar. */
static void print_lines(struct strbuf *out, size_t column, const char *text)
{
	const char *line = text;

	while (*line) {
		size_t length = strcspn(line, "\n");

		if (line != text)
			strbuf_printf(out, "\n%*s", (int)column, "");
		strbuf_puts(out, "| ");
		strbuf_add(out, line, length);
		line += length + (line[length] == '\n');
	}
}

static void print_value(struct strbuf *out, size_t column, const struct page_style *style,
			const char *text)
{
	struct page_paragraph paragraph = {column, style->width};

	if (strchr(text, '\n'))
		print_lines(out, column, text);
	else
		page_wrap(out, &paragraph, text);
}

static const char *heading(const struct result *result)
{
	if (!result->environment ||
	    (result->environment->count == 0 && !result->environment->path_entries &&
	     !result->environment->linked_bin))
		return "The next steps get nothing new.";
	if (result->command->bit == COMMAND_INSTALL)
		return "To use it in a shell of yours (spinup run hands it to a job's steps)";
	if (!(result->command->bit & (COMMAND_RUN | COMMAND_HOOK | COMMAND_EXEC)))
		return "What the next steps would get (this command writes nothing)";
	if (verdict_status(result->outcome, result->job) != 0)
		return "The next steps get nothing: the lane failed. They would have got";
	if (result->job->context.surface == SURFACE_GITLAB)
		return "What the job's next lines get by spinup env";
	if (!emit_gives_environment(result))
		return "Nothing goes to next steps: this is no step or hook of a job. They would get";
	return result->command->bit == COMMAND_EXEC ? "What the command gets"
						    : "What the next steps get";
}

static void print_variable(const struct result *result, const struct variable *variable,
			   size_t column, const struct page_style *style, struct strbuf *out)
{
	CLEANUP_FREE char *value = variable_display(variable);
	CLEANUP_FREE char *shown = redact_lines(result, value);
	CLEANUP_FREE char *source = redact_line(result, variable->source);
	CLEANUP_FREE char *from = mem_format("(%s)", source ? source : "");
	const char *text = *shown ? shown : "emptied";

	strbuf_printf(out, "%*s", (int)NAME_COLUMN, "");
	page_colour(out, style, PAGE_BOLD, variable->name);
	page_pad(out, column);
	if (!style->is_complete) {
		print_value(out, column, style, text);
	} else if (strchr(text, '\n')) {
		page_colour(out, style, PAGE_DIM, from);
		strbuf_printf(out, "\n%*s", (int)column, "");
		print_lines(out, column, text);
	} else {
		print_value(out, column, style, text);
		strbuf_puts(out, "  ");
		page_colour(out, style, PAGE_DIM, from);
	}
	strbuf_putc(out, '\n');
}

static void print_path_row(size_t column, const struct page_style *style, const char *text,
			   struct strbuf *out)
{
	strbuf_printf(out, "%*s", (int)NAME_COLUMN, "");
	page_colour(out, style, PAGE_BOLD, "PATH");
	page_pad(out, column);
	strbuf_printf(out, "%s\n", text);
}

/* A hook's way to the steps' PATH. */
static void print_links(const struct result *result, size_t column, const struct page_style *style,
			struct strbuf *out)
{
	CLEANUP_FREE char *bin = redact_line(result, result->environment->linked_bin);
	CLEANUP_FREE char *text = mem_format("links to %s in " NIX_LINKS_DIRECTORY, bin);

	print_path_row(column, style, text, out);
}

static void print_path(const struct result *result, size_t column, const struct page_style *style,
		       struct strbuf *out)
{
	char *const *entries = result->environment->path_entries;

	if (result->job->context.surface == SURFACE_HOOK) {
		if (result->environment->linked_bin)
			print_links(result, column, style, out);
		return;
	}
	for (size_t i = 0; entries && entries[i]; i++) {
		CLEANUP_FREE char *entry = redact_line(result, entries[i]);
		CLEANUP_FREE char *text = mem_format("%s, before the rest", entry);

		print_path_row(column, style, text, out);
	}
}

void page_print_environment(const struct result *result, const struct page_style *style,
			    struct strbuf *out)
{
	const struct environment *environment = result->environment;
	size_t longest = 0;

	if (result->command->bit == COMMAND_INSTALL && result->outcome == OUTCOME_FAILED)
		return; /* there is nothing to use */
	if (result->command->bit == COMMAND_PROBE)
		return;
	strbuf_printf(out, "\n%s\n", heading(result));
	for (size_t i = 0; environment && i < environment->count; i++) {
		size_t length = strlen(environment->variables[i].name);

		if (length > longest)
			longest = length;
	}
	for (size_t i = 0; environment && i < environment->count; i++)
		print_variable(result, &environment->variables[i], NAME_COLUMN + longest + 2, style,
			       out);
	if (environment)
		print_path(result, NAME_COLUMN + longest + 2, style, out);
}

/* ---- facts */

static char *fact_text(const struct result *result, const struct fact *fact)
{
	switch (fact->type) {
	case FACT_INTEGER:
		return mem_format("%lld", (long long)fact->number);
	case FACT_BOOLEAN:
		return mem_strdup(fact->number ? "yes" : "no");
	case FACT_STRING:
		return redact_line(result, fact->text);
	case FACT_LIST:
		break;
	}
	return redact_lines(result, fact->text);
}

void page_print_facts(const struct result *result, const struct page_style *style,
		      struct strbuf *out)
{
	const struct facts *facts = &result->run->facts;
	size_t longest = 0;

	if (!facts->count)
		return;
	for (size_t i = 0; i < facts->count; i++) {
		size_t length = strlen(facts->items[i].key);

		if (length > longest && length <= NAME_MAX_COLUMNS)
			longest = length;
	}
	strbuf_puts(out, "\nFacts\n");
	for (size_t i = 0; i < facts->count; i++) {
		CLEANUP_FREE char *text = fact_text(result, &facts->items[i]);

		strbuf_printf(out, "%*s", (int)NAME_COLUMN, "");
		page_colour(out, style, PAGE_DIM, facts->items[i].key);
		page_pad(out, NAME_COLUMN + longest + 2);
		print_value(out, NAME_COLUMN + longest + 2, style, text);
		strbuf_putc(out, '\n');
	}
}
