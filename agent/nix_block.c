/* SPDX-License-Identifier: Zlib */
/* Our marked lines in NIX_CONFIG. */
#include "agent/nix_block.h"

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

/* Behind the end of the block that begins at TEXT, or NULL when it has none. */
static const char *block_end(const char *text)
{
	for (text += line_length(text); *text; text += line_length(text)) {
		if (is_marker(text, NIX_BLOCK_END))
			return text + line_length(text);
		if (is_marker(text, NIX_BLOCK_BEGIN))
			return NULL;
	}
	return NULL;
}

void nix_block_strip(const char *text, struct strbuf *out)
{
	while (*text) {
		size_t length = line_length(text);
		const char *end = NULL;

		if (is_marker(text, NIX_BLOCK_BEGIN))
			end = block_end(text);
		else if (!is_marker(text, NIX_BLOCK_END))
			strbuf_add(out, text, length);
		text = end ? end : text + length;
	}
}

static void add_block(const char *lines, const char *more, struct strbuf *out)
{
	if (!*lines && !*more)
		return;
	if (out->length > 0 && !text_ends_with(out->data, "\n"))
		strbuf_putc(out, '\n');
	strbuf_puts(out, NIX_BLOCK_BEGIN "\n");
	strbuf_puts(out, lines);
	strbuf_puts(out, more);
	strbuf_puts(out, NIX_BLOCK_END "\n");
}

void nix_block_join(const char *first, const char *own, const char *last, struct strbuf *out)
{
	if (!*own) {
		add_block(first, last, out);
		return;
	}
	add_block(first, "", out);
	strbuf_puts(out, own);
	add_block(last, "", out);
}
