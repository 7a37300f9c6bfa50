/* SPDX-License-Identifier: Zlib */
/* Whether two are one file. */
#pragma once

#include <stdbool.h>

struct stat;

/* The same device and inode. */
bool file_is_same(const struct stat *left, const struct stat *right);

/* Whether NAME in DIRECTORY (no link is followed) still is what FD was opened as: a lock that somebody
 * has taken away or replaced meanwhile is one that nobody else can find. */
bool file_is_at(int fd, int directory, const char *name);
