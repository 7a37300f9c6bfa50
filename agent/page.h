/* SPDX-License-Identifier: Zlib */
/* The terminal page: what an operator sees first. */
#pragma once

#include <stdbool.h>

struct plan;
struct job;
struct result;
struct strbuf;

struct page_style {
	bool has_colour;    /* a terminal, NO_COLOR unset or empty, TERM not dumb */
	unsigned int width; /* columns; 100 where unknown */
	bool is_complete;   /* doctor, probe: every proof and fact; run: what matters */
	bool has_sections;  /* a log of GitLab's, whose reader may fold them */
};

/* Appends the page: lane and surroundings, one aligned line a finding with its severity as a word
 * (and colour), remedies below, what the next steps get, the verdict last. No line begins with
 * untrusted text. */
void page_print(const struct result *result, const struct page_style *style, struct strbuf *out);

/* `spinup plan`: tasks with kind, subject, deadline and reason, aligned. */
void page_print_plan(const struct job *job, const struct plan *plan, const struct page_style *style,
		     struct strbuf *out);

/* How FD is to be written to. */
struct page_style page_style_for(int fd);
