/* SPDX-License-Identifier: Zlib */
/* Lines of the terminal page: colours, columns, and paragraphs that are wrapped. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "agent/finding.h"

struct history_entry;
struct page_style;
struct strbuf;

enum page_colour {
	PAGE_PLAIN,
	PAGE_BOLD,
	PAGE_DIM,
	PAGE_GREEN,
	PAGE_CYAN,
	PAGE_YELLOW,
	PAGE_RED,
};

/* Appends TEXT in COLOUR where the style has colours. */
void page_colour(struct strbuf *out, const struct page_style *style, enum page_colour colour,
		 const char *text);
enum page_colour page_severity_colour(enum severity severity);

/* Columns that TEXT takes: characters, without colour sequences. */
size_t page_columns(const char *text);

/* Appends spaces up to COLUMN of the current line; at least one after other text. */
void page_pad(struct strbuf *out, size_t column);

/* Appends TEXT at the current column and wraps it at WIDTH; further lines begin with INDENT spaces,
 * and never with a word that the runner would read as a command. Ends without a newline. */
struct page_paragraph {
	size_t indent;
	size_t width;
};
void page_wrap(struct strbuf *out, const struct page_paragraph *paragraph, const char *text);

/* Appends TITLE (in COLOUR) and TEXT: on one line where both fit, else TEXT from the next line on. */
struct page_pair {
	const char *title;
	enum page_colour colour;
	const char *text;
};
void page_wrap_pair(struct strbuf *out, const struct page_paragraph *paragraph,
		    const struct page_style *style, const struct page_pair *pair);

/* "12 ms", "2.5 s"; "" for what took no time of its own (negative). */
void page_duration(struct strbuf *out, int64_t milliseconds);

/* Appends a line on an earlier surface's run: "hook, 2026-01-01T14:02:11Z: degraded, in 12 ms". */
void page_past_run(struct strbuf *out, const struct history_entry *entry);
