/* SPDX-License-Identifier: Zlib */
/* Lines of ours in a text of somebody else's, between two lines that mark them. */
#pragma once

#include <stddef.h>

struct strbuf;

struct block_markers {
	const char *begin, *end; /* whole lines; blanks behind them do not matter */
};

/* Appends TEXT without the marked blocks. Returns 0, or the number of the first line with a marker that
 * lacks its other half: of such only the marker goes, since what follows it may be somebody's own. */
size_t marked_block_strip(const struct block_markers *markers, const char *text,
			  struct strbuf *out);

/* Appends LINES, each with its newline, between markers, on a line of their own; nothing for "". */
void marked_block_add(const struct block_markers *markers, const char *lines, struct strbuf *out);
