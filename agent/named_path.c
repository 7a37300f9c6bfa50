/* SPDX-License-Identifier: Zlib */
/* Names of files, made whole. */
#include "agent/named_path.h"

#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/mem.h"

char *named_path(const char *path)
{
	CLEANUP_FREE char *here = *path == '/' ? mem_strdup("") : getcwd(NULL, 0);

	if (!here)
		return NULL;
	return mem_format("%s%s%s", here, *here ? "/" : "", path);
}
