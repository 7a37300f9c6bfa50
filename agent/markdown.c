/* SPDX-License-Identifier: Zlib */
/* Code spans and fences (GitHub Flavored Markdown, sections 4.5, 4.10 and 6.3). */
#include "agent/markdown.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "agent/strbuf.h"

static size_t longest_run(const char *text)
{
	size_t longest = 0;

	while (*text) {
		size_t run = strspn(text, "`");

		if (run > longest)
			longest = run;
		text += run ? run : 1;
	}
	return longest;
}

static void add_fence(struct strbuf *out, size_t length)
{
	for (size_t i = 0; i < length; i++)
		strbuf_putc(out, '`');
}

/* A cell ends at a bar that an even number of backslashes stands before, in a code span too. */
static void add_cell_text(struct strbuf *out, const char *text)
{
	size_t backslashes = 0;

	for (; *text; text++) {
		if (*text == '|')
			strbuf_puts(out, backslashes % 2 ? "\\\\" : "\\");
		backslashes = *text == '\\' ? backslashes + 1 : 0;
		strbuf_putc(out, *text == '\n' || *text == '\r' ? ' ' : *text);
	}
}

void markdown_code(struct strbuf *out, const char *text)
{
	size_t fence = longest_run(text) + 1;
	bool needs_space;

	if (!*text)
		return;
	/* One space at both ends is taken off again, and lets the text begin with a backtick. */
	needs_space = *text == '`' || text[strlen(text) - 1] == '`' || *text == ' ';
	add_fence(out, fence);
	strbuf_puts(out, needs_space ? " " : "");
	add_cell_text(out, text);
	strbuf_puts(out, needs_space ? " " : "");
	add_fence(out, fence);
}

void markdown_fence(struct strbuf *out, const char *language, const char *text)
{
	size_t length = strlen(text);
	size_t fence = longest_run(text) + 1;

	if (fence < 3)
		fence = 3;
	add_fence(out, fence);
	strbuf_printf(out, "%s\n", language);
	strbuf_puts(out, text);
	if (!length || text[length - 1] != '\n')
		strbuf_putc(out, '\n');
	add_fence(out, fence);
	strbuf_putc(out, '\n');
}
