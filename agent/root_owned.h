/* SPDX-License-Identifier: Zlib */
/* What root alone can change may be run, or believed, by root. */
#pragma once

#include <stdbool.h>

struct root;
struct strbuf;

/* Whether the file that PATH leads to, and every directory on the way to it, belong to root and can be
 * written by nobody else; a sticky directory of root's, such as /nix/store, may be open to a group. RET,
 * if given, gets the path without links: it is the one to use. */
bool root_owned_file(const struct root *root, const char *path, struct strbuf *ret);
