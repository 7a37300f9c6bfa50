/* SPDX-License-Identifier: Zlib */
/* The sections of the terminal page; page.c puts them in order. */
#pragma once

struct job;
struct page_style;
struct result;
struct strbuf;

/* Who and where: version, lane, surface, user. RESULT's run may be NULL (nothing was run yet). */
void page_print_header(const struct result *result, const struct page_style *style,
		       struct strbuf *out);

/* One aligned line a finding, with what to do below it. */
void page_print_findings(const struct result *result, const struct page_style *style,
			 struct strbuf *out);

/* What earlier surfaces of this runner found, and whether it is still so. Nothing without history. */
void page_print_history(const struct result *result, const struct page_style *style,
			struct strbuf *out);

/* Names, values and sources of what the next steps get. */
void page_print_environment(const struct result *result, const struct page_style *style,
			    struct strbuf *out);

/* Every fact, aligned. */
void page_print_facts(const struct result *result, const struct page_style *style,
		      struct strbuf *out);

/* One clear sentence: the outcome, the worst finding, and what to do first. */
void page_print_verdict(const struct result *result, const struct page_style *style,
			struct strbuf *out);
