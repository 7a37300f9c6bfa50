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
#include "agent/text.h"

struct visit {
	uid_t owner;
	bool is_strict;
	struct error found; /* what others can change */
};

static bool is_closed(const struct stat *status, bool is_strict)
{
	if (S_ISLNK(status->st_mode) || !(status->st_mode & (S_IWGRP | S_IWOTH)))
		return true;
	return !is_strict && S_ISDIR(status->st_mode) && (status->st_mode & S_ISVTX);
}

/* EPERM tells the end of the walk from a file that is missing. */
static int look_at(const char *path, const struct stat *status, void *data)
{
	struct visit *visit = data;

	if (status->st_uid != 0 && status->st_uid != visit->owner)
		(void)error_set(
			&visit->found, ERROR_AGENT,
			"%.300s belongs to user %u, who could replace it: it must belong to "
			"root (chown root)",
			path, (unsigned int)status->st_uid);
	else if (!is_closed(status, visit->is_strict))
		(void)error_set(&visit->found, ERROR_AGENT,
				"%.300s has mode %04o, so that others can change it: it must be "
				"writable for root alone (chmod go-w)",
				path, (unsigned int)status->st_mode & 07777u);
	else
		return 0;
	errno = EPERM;
	return -1;
}

static int check(const struct root *root, const char *path, struct visit *visit, struct strbuf *ret,
		 struct error *error)
{
	if (root_walk(root, path, look_at, visit, ret) == 0)
		return 0;
	if (visit->found.code != ERROR_NONE)
		return error_set(error, visit->found.code, "%s", visit->found.message);
	return error_set(error, ERROR_AGENT, "%.300s: %s", path, strerror(errno));
}

int trusted_path_check(const struct root *root, const char *path, uid_t owner, struct error *error)
{
	CLEANUP_STRBUF struct strbuf resolved = STRBUF_INIT(PATH_MAX);
	struct visit visit = {.owner = owner};

	return check(root, path, &visit, &resolved, error);
}

int trusted_path_resolve(const struct root *root, const char *path, struct strbuf *ret,
			 struct error *error)
{
	struct visit visit = {.is_strict = true};
	struct stat status;

	if (check(root, path, &visit, ret, error) < 0)
		return -1;
	if (text_starts_with(ret->data, "/nix/") || text_starts_with(ret->data, "/proc/"))
		return error_set(
			error, ERROR_AGENT,
			"%.300s lies where others can add files: it must not lie below /nix "
			"or /proc",
			ret->data);
	if (root_lstat(root, ret->data, &status) < 0 || !S_ISREG(status.st_mode) ||
	    (status.st_mode & 0444) != 0444)
		return error_set(error, ERROR_AGENT,
				 "%.300s is no file that everybody may read (chmod 0644)",
				 ret->data);
	return 0;
}
