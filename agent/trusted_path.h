/* SPDX-License-Identifier: Zlib */
/* Whether what a path leads to is what an administrator put there: asked before root runs it, or
 * makes something in it. */
#pragma once

#include <sys/types.h>

struct error;
struct root;

/* Every directory and symlink on the way to PATH, and the file at its end, must belong to root or
 * OWNER, and be writable for its owner alone; a directory with the sticky bit may be writable for
 * others, as /nix/store is for its builders: they cannot replace what is root's there. Returns 0, or
 * -1 with ERROR, which names the first place that others can change. */
int trusted_path_check(const struct root *root, const char *path, uid_t owner, struct error *error);
