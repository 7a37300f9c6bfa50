/* SPDX-License-Identifier: Zlib */
/* Private directories, and files that appear in one step. */
#include "agent/private_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/digest.h"
#include "agent/encoding.h"
#include "agent/error.h"
#include "agent/mem.h"
#include "agent/root.h"
#include "agent/strbuf.h"

#define RANDOM_BYTES 8u

static int check_owner(const struct private_dir *directory, uid_t parent_owner, struct error *error)
{
	struct stat status;
	uid_t user = geteuid();

	if (fstat(directory->fd, &status) < 0)
		return error_set(error, ERROR_AGENT, "%s: %s", directory->path, strerror(errno));
	if (status.st_uid != user && (user != 0 || status.st_uid != parent_owner))
		return error_set(
			error, ERROR_AGENT,
			"%s belongs to user %u and this is user %u: it was not made by this "
			"job; remove it, or set RUNNER_TEMP (TMPDIR for an entrypoint) to a directory of "
			"this user",
			directory->path, (unsigned int)status.st_uid, (unsigned int)user);
	if ((status.st_mode & 077) && fchmod(directory->fd, 0700) < 0)
		return error_set(error, ERROR_AGENT,
				 "%s: its rights cannot be taken from others: %s", directory->path,
				 strerror(errno));
	return 0;
}

static int open_below(struct private_dir *ret, int parent, const char *name, struct error *error)
{
	struct stat status;

	if (fstat(parent, &status) < 0)
		return error_set(error, ERROR_AGENT, "%s: %s", ret->path, strerror(errno));
	if (mkdirat(parent, name, 0700) < 0 && errno != EEXIST)
		return error_set(
			error, ERROR_AGENT,
			"%s cannot be made: %s; the directory above it must be writable for "
			"this user, and have space",
			ret->path, strerror(errno));
	ret->fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (ret->fd < 0)
		return error_set(error, ERROR_AGENT,
				 "%s is no directory that can be used: %s; remove it", ret->path,
				 strerror(errno));
	return check_owner(ret, status.st_uid, error);
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
				 "this user may write to",
				 parent, strerror(errno));
	return open_below(ret, fd, name, error);
}

void private_dir_close(struct private_dir *directory)
{
	if (directory->fd >= 0)
		close(directory->fd);
	free(directory->path);
	*directory = (struct private_dir){.fd = -1};
}

static int write_all(int fd, const char *bytes, size_t length)
{
	while (length > 0) {
		ssize_t written = write(fd, bytes, length);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0) {
			if (written == 0)
				errno = ENOSPC;
			return -1;
		}
		bytes += written;
		length -= (size_t)written;
	}
	return 0;
}

char *private_temporary_name(const char *name)
{
	uint8_t random[RANDOM_BYTES];
	CLEANUP_STRBUF struct strbuf suffix = STRBUF_INIT(64);

	digest_random(random, sizeof(random));
	encoding_base16_encode(random, sizeof(random), &suffix);
	return mem_format(".%s.%s", name, suffix.data);
}

struct new_file {
	int directory;
	const char *name;
	mode_t mode;
};

/* -1 with errno, and no trace left. */
static int write_and_rename(const struct new_file *file, const void *bytes, size_t length)
{
	CLEANUP_FREE char *temporary = private_temporary_name(file->name);
	CLEANUP_CLOSE int fd =
		openat(file->directory, temporary,
		       O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, file->mode);

	if (fd < 0)
		return -1;
	if (write_all(fd, bytes, length) < 0 ||
	    renameat(file->directory, temporary, file->directory, file->name) < 0) {
		int reason = errno;

		(void)unlinkat(file->directory, temporary, 0);
		errno = reason;
		return -1;
	}
	return 0;
}

int private_dir_write(const struct private_dir *directory, const char *name, const void *bytes,
		      size_t length, struct error *error)
{
	struct new_file file = {.directory = directory->fd, .name = name, .mode = 0600};

	if (write_and_rename(&file, bytes, length) == 0)
		return 0;
	return error_set(
		error, ERROR_AGENT,
		"%s/%s cannot be written: %s; the file system needs space, and must not be "
		"read-only",
		directory->path, name, strerror(errno));
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

	if (directory >= 0 && write_and_rename(&file, bytes, length) == 0)
		return 0;
	return error_set(error, ERROR_AGENT,
			 "%s cannot be written: %s; its directory must exist and be writable for "
			 "this user, and have space",
			 path, strerror(errno));
}

/* Without O_NONBLOCK a pipe that nobody reads would be waited for here, for good. */
static int write_as_it_is(const char *path, const void *bytes, size_t length)
{
	CLEANUP_CLOSE int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0 || fcntl(fd, F_SETFL, 0) < 0)
		return -1;
	return write_all(fd, bytes, length);
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
