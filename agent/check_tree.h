/* SPDX-License-Identifier: Zlib */
/* The files of a checkout, read one after the other: no link is followed, what .gitignore names and
 * what is binary is left out, and what could not be read is counted, for it proves nothing. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "agent/check_filter.h"
#include "agent/check_text.h"

struct error;
struct root;

#define CHECK_MAX_DEPTH 64u
#define CHECK_MAX_FILES 500000u

struct check_tree {
	const struct root *root;
	struct check_text text;     /* its contract and hits are the caller's */
	struct check_filter filter; /* made with the first PATH */
	int64_t end_us;             /* run_clock_us() when the time for all is over */
	size_t files;               /* that were read */
	size_t unread;              /* that could not be */
	char *first_unread;         /* "PATH: reason" of the first; NULL: none */
};

/* Checks one file, or a whole tree; PATH is relative to where the process stands, or absolute. Hits
 * name files as the PATH names them, with "./" before a relative one. Returns 0, or -1 with ERROR (no
 * such file; out of time; a tree without bounds). */
int check_tree_path(struct check_tree *tree, const char *path, struct error *error);
void check_tree_release(struct check_tree *tree);
