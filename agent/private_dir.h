/* SPDX-License-Identifier: Zlib */
/* A directory of our own for files that only this user may read, and files in it that are there
 * whole or not at all. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

struct error;
struct root;

struct private_dir {
	int fd;
	char *path; /* for messages */
};

/* Opens PARENT/NAME, made with mode 0700 where it is missing. No symlink is followed at its end; it
 * must belong to this user (for root: also to PARENT's owner), and others lose their rights on it.
 * Returns 0, or -1 with ERROR. private_dir_close releases in any case. */
int private_dir_open(struct private_dir *ret, const struct root *root, const char *parent,
		     const char *name, struct error *error);

/* The same for PATH, whose last component lies in the directory PARENT. CURE is what ERROR says to do
 * where it belongs to somebody else. */
int private_dir_open_at(struct private_dir *ret, int parent, const char *path, const char *cure,
			struct error *error);
void private_dir_close(struct private_dir *directory);

/* Puts a file with LENGTH bytes and mode 0600 in the place of NAME: made exclusively under another
 * name, then renamed. Returns 0, or -1 with ERROR and everything as it was. */
int private_dir_write(const struct private_dir *directory, const char *name, const void *bytes,
		      size_t length, struct error *error);

/* The same for any PATH of this process (not below --root) that the operator names, with MODE. A link
 * or a pipe that somebody has put there is replaced. */
int private_file_replace(const char *path, mode_t mode, const void *bytes, size_t length,
			 struct error *error);

/* The same for what anyone may read: a PATH that is there and is no regular file (a pipe that is
 * being read, /dev/stdout) is written to as it is. */
int private_file_put(const char *path, mode_t mode, const void *bytes, size_t length,
		     struct error *error);
