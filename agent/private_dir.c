/* SPDX-License-Identifier: Zlib */
/* Private directories, and files that appear in one step. */
#include "agent/private_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/error.h"
#include "agent/file_cure.h"
#include "agent/mem.h"
#include "agent/new_file.h"
#include "agent/root.h"

#define CURE                                                                                       \
	"it was not made by this job; remove it, or set RUNNER_TEMP (TMPDIR for an entrypoint) "   \
	"to a directory of this user"

static int check_owner(const struct private_dir *directory, uid_t parent_owner, const char *cure,
		       struct error *error)
{
	struct stat status;
	uid_t user = geteuid();

	if (fstat(directory->fd, &status) < 0)
		return error_set(error, ERROR_AGENT, "%s: %s", directory->path, strerror(errno));
	if (status.st_uid != user && (user != 0 || status.st_uid != parent_owner))
		return error_set(error, ERROR_AGENT,
				 "%s belongs to user %u and this is user %u: %s", directory->path,
				 (unsigned int)status.st_uid, (unsigned int)user, cure);
	if ((status.st_mode & 077) && fchmod(directory->fd, 0700) < 0)
		return error_set(error, ERROR_AGENT,
				 "%s: its rights cannot be taken from others: %s", directory->path,
				 strerror(errno));
	return 0;
}

static int open_below(struct private_dir *ret, int parent, const char *cure, struct error *error)
{
	const char *name = strrchr(ret->path, '/') + 1;
	struct stat status;

	if (fstat(parent, &status) < 0)
		return error_set(error, ERROR_AGENT, "%s: %s", ret->path, strerror(errno));
	if (mkdirat(parent, name, 0700) < 0 && errno != EEXIST)
		return error_set(error, ERROR_AGENT, "%s cannot be made: %s; %s", ret->path,
				 strerror(errno), file_cure(errno));
	ret->fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (ret->fd < 0)
		return error_set(error, ERROR_AGENT, "%s is no directory that can be used: %s; %s",
				 ret->path, strerror(errno),
				 errno == EACCES ? cure : file_cure(errno));
	return check_owner(ret, status.st_uid, cure, error);
}

int private_dir_open_at(struct private_dir *ret, int parent, const char *path, const char *cure,
			struct error *error)
{
	*ret = (struct private_dir){.fd = -1, .path = mem_strdup(path)};
	return open_below(ret, parent, cure, error);
}

int private_dir_open(struct private_dir *ret, const struct root *root, const char *parent,
		     const char *name, struct error *error)
{
	size_t length = strlen(parent);
	CLEANUP_CLOSE int fd = root_open(root, parent, O_RDONLY | O_DIRECTORY, 0);

	*ret = (struct private_dir){
		.fd = -1,
		.path = mem_format("%s%s%s", parent, length && parent[length - 1] == '/' ? "" : "/",
				   name),
	};
	if (fd < 0)
		return error_set(error, ERROR_AGENT,
				 "%s cannot be opened: %s; RUNNER_TEMP must name a directory that "
				 "this user may write to (for an entrypoint: TMPDIR)",
				 parent, strerror(errno));
	return open_below(ret, fd, CURE, error);
}

void private_dir_close(struct private_dir *directory)
{
	if (directory->fd >= 0)
		close(directory->fd);
	free(directory->path);
	*directory = (struct private_dir){.fd = -1};
}

int private_dir_write(const struct private_dir *directory, const char *name, const void *bytes,
		      size_t length, struct error *error)
{
	struct new_file file = {.directory = directory->fd, .name = name, .mode = 0600};

	if (new_file_put(&file, bytes, length) == 0)
		return 0;
	return error_set(error, ERROR_AGENT, "%s/%s cannot be written: %s; %s", directory->path,
			 name, strerror(errno), file_cure(errno));
}

int private_file_replace(const char *path, mode_t mode, const void *bytes, size_t length,
			 struct error *error)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	CLEANUP_FREE char *folder = slash ? mem_strndup(path, (size_t)(slash - path + 1)) : NULL;
	CLEANUP_CLOSE int directory =
		open(folder ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct new_file file = {.directory = directory, .name = name, .mode = mode};

	if (directory >= 0 && new_file_put(&file, bytes, length) == 0)
		return 0;
	return error_set(error, ERROR_AGENT, "%s cannot be written: %s; %s", path, strerror(errno),
			 file_cure(errno));
}

/* Without O_NONBLOCK a pipe that nobody reads would be waited for here, for good. */
static int write_as_it_is(const char *path, const void *bytes, size_t length)
{
	CLEANUP_CLOSE int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0 || fcntl(fd, F_SETFL, 0) < 0)
		return -1;
	return new_file_write(fd, bytes, length);
}

int private_file_put(const char *path, mode_t mode, const void *bytes, size_t length,
		     struct error *error)
{
	struct stat status;

	if (stat(path, &status) < 0 || S_ISREG(status.st_mode))
		return private_file_replace(path, mode, bytes, length, error);
	if (write_as_it_is(path, bytes, length) == 0)
		return 0;
	return error_set(error, ERROR_AGENT,
			 "%s is no regular file, and cannot be written as it is: %s; a pipe must "
			 "have its reader by now",
			 path, strerror(errno));
}
