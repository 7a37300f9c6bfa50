/* SPDX-License-Identifier: Zlib */
/* Paths that nobody but their owner can change. */
#include "agent/trusted_path.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/cleanup.h"
#include "agent/error.h"
#include "agent/root.h"
#include "agent/strbuf.h"

struct visit {
	uid_t owner;
	struct error *error;
};

static bool is_closed(const struct stat *status)
{
	return S_ISLNK(status->st_mode) || !(status->st_mode & (S_IWGRP | S_IWOTH)) ||
	       (S_ISDIR(status->st_mode) && (status->st_mode & S_ISVTX));
}

/* EPERM tells the end of the walk from a file that is missing. */
static int look_at(const char *path, const struct stat *status, void *data)
{
	const struct visit *visit = data;

	if (status->st_uid != 0 && status->st_uid != visit->owner)
		(void)error_set(
			visit->error, ERROR_AGENT,
			"%.300s belongs to user %u, who could replace it: it must belong to "
			"root (chown root)",
			path, (unsigned int)status->st_uid);
	else if (!is_closed(status))
		(void)error_set(visit->error, ERROR_AGENT,
				"%.300s has mode %04o, so that others can change it: it must be "
				"writable for root alone (chmod go-w)",
				path, (unsigned int)status->st_mode & 07777u);
	else
		return 0;
	errno = EPERM;
	return -1;
}

int trusted_path_check(const struct root *root, const char *path, uid_t owner, struct error *error)
{
	CLEANUP_STRBUF struct strbuf resolved = STRBUF_INIT(PATH_MAX);
	struct error found = {0};
	struct visit visit = {.owner = owner, .error = &found};

	if (root_walk(root, path, look_at, &visit, &resolved) == 0)
		return 0;
	if (found.code != ERROR_NONE)
		return error_set(error, found.code, "%s", found.message);
	return error_set(error, ERROR_AGENT, "%.300s: %s", path, strerror(errno));
}
