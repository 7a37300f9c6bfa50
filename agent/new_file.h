/* SPDX-License-Identifier: Zlib */
/* A file that appears in its place in one step: made exclusively under a hidden name, then renamed. Where
 * root alone can make files, that name is always the same, so that what a kill has left there goes with
 * the next file; elsewhere it is one that nobody can have made before. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct stat;

struct new_file {
	int directory;
	const char *name;
	mode_t mode;             /* less the umask; not asked where LIKE is set */
	const struct stat *like; /* whose owner, group and mode it gets, or NULL */
	bool is_durable;         /* on the disk before it takes its place */
};

/* Puts a file with LENGTH bytes in the place of FILE's name. Returns 0, or -1 with errno and everything
 * as it was. A kill leaves at most a hidden file beside it, which nobody but this user can read. */
int new_file_put(const struct new_file *file, const void *bytes, size_t length);

/* Takes away what a kill has left beside NAME, where root alone can make files. */
void new_file_clear(int directory, const char *name);

/* Writes all LENGTH bytes to FD, however often that takes. Returns 0, or -1 with errno. */
int new_file_write(int fd, const void *bytes, size_t length);

/* A hidden name beside NAME that nobody can have made before. The caller frees. */
char *new_file_temporary_name(const char *name);
