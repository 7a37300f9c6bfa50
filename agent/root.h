/* SPDX-License-Identifier: Zlib */
/* File access through a root directory: the machine's own "/", or a test's fake machine (--root). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct error;
struct stat;
struct statvfs;
struct strbuf;

struct root {
	int fd;           /* directory that absolute paths start from */
	bool is_confined; /* --root: every open is openat2 with RESOLVE_IN_ROOT */
};

/* DIRECTORY NULL means the machine's own root. Returns 0, or -1 with ERROR filled. */
int root_open_directory(struct root *root, const char *directory, struct error *error);
void root_close(struct root *root);

/* Like open(2) with O_CLOEXEC added, for an absolute PATH (another is EINVAL): a descriptor, or -1
 * with errno. */
int root_open(const struct root *root, const char *path, int flags, mode_t mode);

/* Like stat(2), lstat(2), statvfs(3) and readlink(2): 0 (or a length), or -1 with errno. The link's
 * text is NUL-terminated; one that does not fit SIZE is ENAMETOOLONG, what is no link EINVAL. */
int root_stat(const struct root *root, const char *path, struct stat *ret);
int root_lstat(const struct root *root, const char *path, struct stat *ret);
int root_statvfs(const struct root *root, const char *path, struct statvfs *ret);
ssize_t root_readlink(const struct root *root, const char *path, char *ret, size_t size);

/* Follows symlinks to the end, like realpath(3), inside the root. Returns 0 and appends to RET an
 * absolute path as seen inside the root, or -1 with errno (ENOENT for a dangling link, ELOOP). */
int root_resolve(const struct root *root, const char *path, struct strbuf *ret);

/* The same, and shows VISIT every directory, link and file on the way, from "/" on, before it goes
 * through it. One that returns -1 (with errno) ends the walk. */
int root_walk(const struct root *root, const char *path,
	      int (*visit)(const char *path, const struct stat *status, void *data), void *data,
	      struct strbuf *ret);

/* Appends a whole file to OUT, which may hold at most out->max_bytes (more is EFBIG; /proc files are
 * fine). Never blocks on a FIFO or device: those are EINVAL, a directory EISDIR. Returns 0, or -1
 * with errno and OUT as it was. */
int root_read(const struct root *root, const char *path, struct strbuf *out);

/* The same for a file that is open already. */
int root_read_open(int fd, struct strbuf *out);
