/* SPDX-License-Identifier: Zlib */
/* Marked lines of ours in somebody else's text. */
#include "agent/marked_block.h"

#include <stdbool.h>
#include <string.h>

#include "agent/strbuf.h"
#include "agent/text.h"

/* The line's length with its newline. */
static size_t line_length(const char *text)
{
	size_t length = strcspn(text, "\n");

	return length + (text[length] == '\n');
}

/* Whether a line is MARKER alone; a carriage return behind it does not matter. */
static bool is_marker(const char *line, const char *marker)
{
	size_t length = strlen(marker);

	return strncmp(line, marker, length) == 0 &&
	       strspn(line + length, " \t\r") == strcspn(line + length, "\n");
}

/* Behind the end of the block that begins at TEXT, with the number of its lines; NULL when it has no
 * end. */
static const char *block_end(const struct block_markers *markers, const char *text,
			     size_t *ret_lines)
{
	for (*ret_lines = 1; *(text += line_length(text)); ++*ret_lines) {
		if (is_marker(text, markers->end)) {
			++*ret_lines;
			return text + line_length(text);
		}
		if (is_marker(text, markers->begin))
			break;
	}
	return NULL;
}

size_t marked_block_strip(const struct block_markers *markers, const char *text, struct strbuf *out)
{
	size_t line = 1, damaged = 0;

	while (*text) {
		size_t length = line_length(text), lines = 1;
		const char *end = NULL;

		if (is_marker(text, markers->begin)) {
			end = block_end(markers, text, &lines);
		} else if (!is_marker(text, markers->end)) {
			strbuf_add(out, text, length);
			end = text + length;
		}
		if (!end && !damaged)
			damaged = line;
		line += end ? lines : 1;
		text = end ? end : text + length;
	}
	return damaged;
}

void marked_block_add(const struct block_markers *markers, const char *lines, struct strbuf *out)
{
	if (!*lines)
		return;
	if (out->length > 0 && !text_ends_with(out->data, "\n"))
		strbuf_putc(out, '\n');
	strbuf_printf(out, "%s\n%s%s\n", markers->begin, lines, markers->end);
}
