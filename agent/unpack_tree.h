/* SPDX-License-Identifier: Zlib */
/* The staging directory while it is being filled: store paths below store/, made step by step from open
 * directories, so that no link is ever followed, and in the form that Nix gives them: files 0444 or 0555,
 * directories 0555, everything of second 1 (the parts of a file system that a NAR's hash leaves out).
 *
 * A directory is finished when the archive leaves it, and opened again where it comes back. What the umask
 * takes away is missing: set it to 0. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "agent/unpack_name.h"

struct error;

struct unpack_tree {
	int staging; /* not owned */
	int store;
	unsigned int depth; /* open directories below store/: the last entry's parents */
	struct {
		int fd;
		char name[UNPACK_MAX_COMPONENT + 1];
	} levels[UNPACK_MAX_DEPTH];
};

/* Makes store/ in STAGING. unpack_tree_close releases, in any case. */
int unpack_tree_open(struct unpack_tree *tree, int staging, struct error *error);
void unpack_tree_close(struct unpack_tree *tree);

/* Each returns 0 (the files: a descriptor to write to, for unpack_tree_finish_file), or -1 with ERROR, which
 * does not repeat the name. PATH is below store/ and was judged by unpack_place; missing directories before
 * its last component are made. What is there already is refused, but for a directory that is a directory
 * again. */
int unpack_tree_directory(struct unpack_tree *tree, const char *path, struct error *error);
int unpack_tree_file(struct unpack_tree *tree, const char *path, mode_t mode, struct error *error);
int unpack_tree_symlink(struct unpack_tree *tree, const char *path, const char *target,
			struct error *error);

/* TARGET is below store/, too, and must be a regular file. */
int unpack_tree_link(struct unpack_tree *tree, const char *path, const char *target,
		     struct error *error);

/* A file in the staging directory itself. */
int unpack_tree_outside(struct unpack_tree *tree, const char *name, mode_t mode,
			struct error *error);

/* Closes FD in any case. */
int unpack_tree_finish_file(int fd, struct error *error);

/* Finishes the directories that are still open. */
int unpack_tree_finish(struct unpack_tree *tree, struct error *error);
