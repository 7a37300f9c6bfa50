/* SPDX-License-Identifier: Zlib */
/* Values in a text that are out of contract: the contract's patterns, and its rules for the settings
 * that name Bazel's endpoints. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct contract;
struct out_of_contract;

#define CHECK_MAX_HITS 1000u

struct check_hit {
	char *file;                        /* as it is shown to people; hostile */
	unsigned int line, column;         /* from 1; the column counts bytes */
	char *value;                       /* one printable line, without passwords */
	const struct out_of_contract *row; /* of the contract */
};

struct check_hits {
	struct check_hit *items;
	size_t count;
	size_t found; /* also those beyond the maximum, which are not kept */
};
void check_hits_release(struct check_hits *hits);

/* One file that is being read. */
struct check_text {
	const struct contract *contract;
	const char *file;
	struct check_hits *hits;
	unsigned int line;      /* of the next piece, from 1 */
	unsigned int column;    /* where in the line that piece begins, from 0 */
	size_t first;           /* the file's first hit */
	bool is_proof_declared; /* GF_BAZEL_ALLOW_LOCALHOST_PROOF=true stands in the file */
};

/* Begins a file. */
void check_text_begin(struct check_text *text, const char *file);

/* Looks at a line, or at a piece of a long one, without its newline. */
void check_text_line(struct check_text *text, const char *line);

/* Ends the file: an endpoint on localhost that is declared as a proof in the same file is no hit. */
void check_text_end(struct check_text *text);
