/* SPDX-License-Identifier: Zlib */
/* Symbolic links that change in one step. */
#include "agent/symlink.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/new_file.h"

int symlink_replace(int directory, const char *name, const char *target)
{
	CLEANUP_FREE char *temporary = new_file_temporary_name(name);
	int reason;

	if (symlinkat(target, directory, temporary) < 0)
		return -1;
	if (renameat(directory, temporary, directory, name) == 0)
		return 0;
	reason = errno;
	(void)unlinkat(directory, temporary, 0);
	errno = reason;
	return -1;
}
