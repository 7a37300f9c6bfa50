/* SPDX-License-Identifier: Zlib */
/* Files, told apart by device and inode. */
#include "agent/file_identity.h"

#include <fcntl.h>
#include <sys/stat.h>

bool file_is_same(const struct stat *left, const struct stat *right)
{
	return left->st_dev == right->st_dev && left->st_ino == right->st_ino;
}

bool file_is_at(int fd, int directory, const char *name)
{
	struct stat held, named;

	return fstat(fd, &held) == 0 &&
	       fstatat(directory, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
	       file_is_same(&held, &named);
}
