/* SPDX-License-Identifier: Zlib */
/* Whether what a path leads to is what an administrator put there: asked before root runs it, or
 * makes something in it. */
#pragma once

#include <sys/types.h>

struct error;
struct root;
struct strbuf;

/* Every directory and symlink on the way to PATH, and the file at its end, must belong to root or
 * OWNER, and be writable for its owner alone; a directory with the sticky bit may be writable for
 * others, as /nix/store is for its builders: they cannot replace what is root's there. Returns 0, or
 * -1 with ERROR, which names the first place that others can change. */
int trusted_path_check(const struct root *root, const char *path, uid_t owner, struct error *error);

/* The same for what root is to believe, whoever names it: no directory may be open to others, sticky or
 * not (anybody may add to a Nix store), nothing may lie below /proc or /nix, and the file must be
 * readable for all, so that nothing is told of it that is not theirs to know. RET gets the path without
 * links: it is the one to open. */
int trusted_path_resolve(const struct root *root, const char *path, struct strbuf *ret,
			 struct error *error);
