/* SPDX-License-Identifier: Zlib */
/* The directories that a Nix store of root's lives in: made, mended and opened one component after the
 * other. /nix may have been open to everybody (an emptyDir volume is), so nothing that somebody else
 * put there is followed, used or given rights. */
#pragma once

#include <sys/types.h>

struct error;
struct root;

#define NIX_TREE_STATE "var/nix"

/* Makes /nix where it is missing, and gives it to root with mode 0755. Returns a descriptor, or -1 with
 * ERROR: it is a symlink or no directory, its file system is read-only. */
int nix_tree_mend(const struct root *root, struct error *error);

/* As nix_tree_mend, and makes what is missing below it: /nix/store (mode 01775, of BUILD_GROUP), /nix/var
 * and what Nix itself makes there. What is there and is not root's own directory is named in ERROR and
 * left as it is. */
int nix_tree_make(const struct root *root, gid_t build_group, struct error *error);

/* Opens the directory at PATH, relative to the descriptor NIX, each component as above. Returns a
 * descriptor, or -1 with ERROR. */
int nix_tree_open(int nix, const char *path, struct error *error);
