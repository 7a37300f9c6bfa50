/* SPDX-License-Identifier: Zlib */
/* What root alone can change. */
#include "agent/root_owned.h"

#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/cleanup.h"
#include "agent/mem.h"
#include "agent/root.h"
#include "agent/strbuf.h"

static bool is_roots(const struct root *root, const char *path, bool is_last)
{
	struct stat status;
	mode_t others = S_IWOTH | S_IWGRP;

	if (root_lstat(root, path, &status) < 0 || status.st_uid != 0)
		return false;
	if (is_last)
		return S_ISREG(status.st_mode) && !(status.st_mode & others);
	if (!S_ISDIR(status.st_mode))
		return false;
	/* In a sticky directory nobody can rename or remove what is root's. */
	return !(status.st_mode & others) ||
	       (status.st_mode & S_ISVTX && !(status.st_mode & S_IWOTH));
}

bool root_owned_file(const struct root *root, const char *path, struct strbuf *ret)
{
	CLEANUP_STRBUF struct strbuf resolved = STRBUF_INIT(PATH_MAX);

	if (root_resolve(root, path, &resolved) < 0 || !is_roots(root, "/", false))
		return false;
	for (const char *slash = strchr(resolved.data + 1, '/'); slash;
	     slash = strchr(slash + 1, '/')) {
		CLEANUP_FREE char *directory =
			mem_strndup(resolved.data, (size_t)(slash - resolved.data));

		if (!is_roots(root, directory, false))
			return false;
	}
	if (!is_roots(root, resolved.data, true))
		return false;
	if (ret)
		strbuf_puts(ret, resolved.data);
	return true;
}
