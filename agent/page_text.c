/* SPDX-License-Identifier: Zlib */
/* Colours, columns and wrapping. */
#include "agent/page_text.h"

#include <string.h>

#include "agent/history.h"
#include "agent/page.h"
#include "agent/strbuf.h"
#include "agent/text.h"

void page_colour(struct strbuf *out, const struct page_style *style, enum page_colour colour,
		 const char *text)
{
	static const char *const codes[] = {
		[PAGE_PLAIN] = "0", [PAGE_BOLD] = "1",    [PAGE_DIM] = "2",    [PAGE_GREEN] = "32",
		[PAGE_CYAN] = "36", [PAGE_YELLOW] = "33", [PAGE_RED] = "1;31",
	};

	if (style->has_colour && colour != PAGE_PLAIN)
		strbuf_printf(out, "\033[%sm", codes[colour]);
	strbuf_puts(out, text);
	if (style->has_colour && colour != PAGE_PLAIN)
		strbuf_puts(out, "\033[0m");
}

enum page_colour page_severity_colour(enum severity severity)
{
	static const enum page_colour colours[] = {
		[SEVERITY_OK] = PAGE_GREEN,
		[SEVERITY_NOTICE] = PAGE_CYAN,
		[SEVERITY_WARNING] = PAGE_YELLOW,
		[SEVERITY_ERROR] = PAGE_RED,
	};

	return colours[severity];
}

/* The columns of LENGTH bytes: every byte that begins a character, colour sequences apart. */
static size_t columns_of(const char *text, size_t length)
{
	size_t columns = 0;

	for (size_t i = 0; i < length; i++) {
		if (text[i] == '\033') {
			while (i < length && text[i] != 'm')
				i++;
		} else if (((unsigned char)text[i] & 0xc0) != 0x80) {
			columns++;
		}
	}
	return columns;
}

size_t page_columns(const char *text)
{
	return columns_of(text, strlen(text));
}

static size_t current_column(const struct strbuf *out)
{
	const char *newline = memrchr(out->data, '\n', out->length);
	const char *line = newline ? newline + 1 : out->data;

	return columns_of(line, (size_t)(out->data + out->length - line));
}

void page_pad(struct strbuf *out, size_t column)
{
	size_t at = current_column(out);

	do {
		strbuf_putc(out, ' ');
	} while (++at < column);
}

/* Begins a line that goes on with TEXT, and returns its column. The runner would take a line whose
 * first word begins with "::" for a command, so such a word never comes first. */
static size_t begin_line(struct strbuf *out, const struct page_paragraph *paragraph,
			 const char *text)
{
	const char *guard = text_starts_with(text, "::") ? "| " : "";

	strbuf_printf(out, "\n%*s%s", (int)paragraph->indent, "", guard);
	return paragraph->indent + strlen(guard);
}

void page_wrap(struct strbuf *out, const struct page_paragraph *paragraph, const char *text)
{
	size_t column = current_column(out);
	bool is_first = true;

	while (*text) {
		size_t gap = strspn(text, " ");
		size_t length = strcspn(text + gap, " ");
		size_t columns = columns_of(text + gap, length);

		if (length && !is_first && column + gap + columns > paragraph->width) {
			column = begin_line(out, paragraph, text + gap);
		} else {
			strbuf_add(out, text, gap);
			column += gap;
		}
		strbuf_add(out, text + gap, length);
		column += columns;
		text += gap + length;
		is_first = false;
	}
}

void page_wrap_pair(struct strbuf *out, const struct page_paragraph *paragraph,
		    const struct page_style *style, const struct page_pair *pair)
{
	size_t title = page_columns(pair->title), text = page_columns(pair->text);

	if (pair->colour == PAGE_PLAIN)
		page_wrap(out, paragraph, pair->title);
	else if (title)
		page_colour(out, style, pair->colour, pair->title);
	if (!text)
		return;
	if (title && current_column(out) + 2 + text > paragraph->width)
		(void)begin_line(out, paragraph, pair->text);
	else if (title)
		strbuf_puts(out, "  ");
	page_wrap(out, paragraph, pair->text);
}

void page_duration(struct strbuf *out, int64_t milliseconds)
{
	if (milliseconds < 0)
		return;
	if (milliseconds < 1000)
		strbuf_printf(out, "%d ms", (int)milliseconds);
	else if (milliseconds < 10000)
		strbuf_printf(out, "%d.%d s", (int)(milliseconds / 1000),
			      (int)(milliseconds % 1000 / 100));
	else
		strbuf_printf(out, "%lld s", (long long)(milliseconds / 1000));
}

void page_past_run(struct strbuf *out, const struct history_entry *entry)
{
	strbuf_printf(out, "%s, %s: %s, in ", surface_name(entry->surface), entry->started,
		      entry->outcome);
	page_duration(out, entry->elapsed_ms);
	strbuf_putc(out, '\n');
}
