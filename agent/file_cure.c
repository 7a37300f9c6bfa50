/* SPDX-License-Identifier: Zlib */
/* Cures by errno: a message that names another one than what helps sends its reader astray. */
#include "agent/file_cure.h"

#include <errno.h>
#include <stddef.h>

static const struct cure {
	int number;
	const char *text;
} cures[] = {
	{EACCES, "give this user the right to do so"},
	{EPERM, "give this user the right to do so"},
	{EROFS, "mount a writable volume there (an emptyDir is enough)"},
	{ENOSPC, "free space (df -h), or inodes (df -i), on its file system"},
	{EDQUOT, "free space on its file system, or raise this user's quota"},
	{EFBIG, "raise the limit of a file's size (ulimit -f)"},
	{EMFILE, "raise the limit of open files (ulimit -n)"},
	{ENFILE, "raise the machine's limit of open files (fs.file-max)"},
	{ENOENT, "the directory above it must exist"},
	{ENOTDIR, "something else stands there: remove it"},
	{EISDIR, "something else stands there: remove it"},
	{ELOOP, "something else stands there: remove it"},
};

const char *file_cure(int number)
{
	for (size_t i = 0; i < sizeof(cures) / sizeof(cures[0]); i++)
		if (cures[i].number == number)
			return cures[i].text;
	return "look at its file system, and at the kernel's log";
}
