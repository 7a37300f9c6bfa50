/* SPDX-License-Identifier: Zlib */
/* The rules of .gitignore that hold for a directory of a checkout from above: from its repository's top
 * down to where a person points. Known to check_tree.c alone. */
#pragma once

#include <stddef.h>

#include "agent/ignore.h"
#include "agent/strbuf.h"

struct root;

#define CHECK_OUTER_MAX 64u

struct check_outer {
	struct ignore *levels[CHECK_OUTER_MAX]; /* owned; the top's first */
	size_t count;
	const struct ignore *innermost; /* NULL: no rules from above */
	struct strbuf inside;           /* the directory as the top counts it: "" or "src/lib/" */
};

/* Looks for the repository that DIRECTORY (absolute) lies in, by its .git. Where there is none, or it
 * is the top itself, nothing comes from above. */
void check_outer_read(struct check_outer *ret, const struct root *root, const char *directory);
void check_outer_release(struct check_outer *outer);
