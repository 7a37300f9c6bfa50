/* SPDX-License-Identifier: Zlib */
/* The step summary: Markdown with the findings, the configuration, a timeline and the report. */
#pragma once

struct result;
struct strbuf;

/* Appends the summary; at most 256 KiB (the runner drops more than 1 MiB of one step). */
void summary_print(const struct result *result, struct strbuf *out);
