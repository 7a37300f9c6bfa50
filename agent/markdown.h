/* SPDX-License-Identifier: Zlib */
/* Untrusted text in GitHub's Markdown: in code spans and fences alone, never as HTML. */
#pragma once

struct strbuf;

/* Appends TEXT (one line) as a code span that may stand in a table's cell. "" becomes nothing. */
void markdown_code(struct strbuf *out, const char *text);

/* Appends TEXT in a fenced block of LANGUAGE, the fence longer than any run of backticks in TEXT. */
void markdown_fence(struct strbuf *out, const char *language, const char *text);
