/* SPDX-License-Identifier: Zlib */
/* Removal of trees. */
#include "agent/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/error.h"

#define MAX_DEPTH 128u

struct removal {
	dev_t device;
	unsigned int depth;
	struct error *error;
};

static int remove_entry(struct removal *removal, int directory, const char *name);

static void close_directory(DIR **directory)
{
	if (*directory)
		(void)closedir(*directory);
}

static int fail(struct removal *removal, const char *name)
{
	return error_set(removal->error, ERROR_AGENT, "%s: cannot be removed: %s", name,
			 strerror(errno));
}

static bool is_self_or_parent(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* Empties the directory that FD is of; takes FD. */
static int empty(struct removal *removal, int fd, const char *name)
{
	CLEANUP(close_directory) DIR *stream = fdopendir(fd);
	struct dirent *entry;

	if (!stream) {
		(void)fail(removal, name);
		close(fd);
		return -1;
	}
	while ((errno = 0, entry = readdir(stream)))
		if (!is_self_or_parent(entry->d_name) &&
		    remove_entry(removal, dirfd(stream), entry->d_name) < 0)
			return -1;
	return errno ? fail(removal, name) : 0;
}

static int remove_directory(struct removal *removal, int directory, const char *name)
{
	int fd = openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat status;
	int result;

	if (fd < 0)
		return fail(removal, name);
	if (fstat(fd, &status) < 0 || status.st_dev != removal->device ||
	    removal->depth >= MAX_DEPTH) {
		close(fd);
		return error_set(removal->error, ERROR_AGENT,
				 "%s: another file system, or too deep: not removed", name);
	}
	(void)fchmod(fd, 0700); /* a store path's directories may be read-only to their owner */
	removal->depth++;
	result = empty(removal, fd, name);
	removal->depth--;
	if (result < 0)
		return -1;
	return unlinkat(directory, name, AT_REMOVEDIR) < 0 && errno != ENOENT ? fail(removal, name)
									      : 0;
}

static int remove_entry(struct removal *removal, int directory, const char *name)
{
	if (unlinkat(directory, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return fail(removal, name);
	return remove_directory(removal, directory, name);
}

int tree_remove(int directory, const char *name, struct error *error)
{
	struct removal removal = {.error = error};
	struct stat status;

	if (fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : fail(&removal, name);
	removal.device = status.st_dev;
	return remove_entry(&removal, directory, name);
}
