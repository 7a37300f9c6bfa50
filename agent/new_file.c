/* SPDX-License-Identifier: Zlib */
/* Files that appear in one step. */
#include "agent/new_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/digest.h"
#include "agent/encoding.h"
#include "agent/mem.h"
#include "agent/strbuf.h"

#define RANDOM_BYTES 8u

int new_file_write(int fd, const void *bytes, size_t length)
{
	const char *at = bytes;

	while (length > 0) {
		ssize_t written = write(fd, at, length);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0) {
			if (written == 0)
				errno = ENOSPC;
			return -1;
		}
		at += written;
		length -= (size_t)written;
	}
	return 0;
}

char *new_file_temporary_name(const char *name)
{
	uint8_t random[RANDOM_BYTES];
	CLEANUP_STRBUF struct strbuf suffix = STRBUF_INIT(64);

	digest_random(random, sizeof(random));
	encoding_base16_encode(random, sizeof(random), &suffix);
	return mem_format(".%s.%s", name, suffix.data);
}

static char *fixed_name(const char *name)
{
	return mem_format(".%s.spinup", name);
}

/* Whether the name that is always the same is this process's until it is given back: nobody else than
 * root could have taken it, and no other spinup uses it meanwhile. Anybody who can open the directory
 * may hold its lock: then it is a random name again, and nothing is waited for. */
static bool take_fixed_name(int directory)
{
	struct stat status;

	return geteuid() == 0 && fstat(directory, &status) == 0 && status.st_uid == 0 &&
	       !(status.st_mode & (S_IWGRP | S_IWOTH)) && flock(directory, LOCK_EX | LOCK_NB) == 0;
}

static void give_back_fixed_name(int directory)
{
	int reason = errno;

	(void)flock(directory, LOCK_UN);
	errno = reason;
}

/* The owner first: giving a file away takes rights from its mode. */
static int fill(const struct new_file *file, int fd, const void *bytes, size_t length)
{
	if (new_file_write(fd, bytes, length) < 0)
		return -1;
	if (file->like && (fchown(fd, file->like->st_uid, file->like->st_gid) < 0 ||
			   fchmod(fd, file->like->st_mode & 07777) < 0))
		return -1;
	return file->is_durable ? fsync(fd) : 0;
}

static int put(const struct new_file *file, const char *temporary, const void *bytes, size_t length)
{
	CLEANUP_CLOSE int fd = openat(file->directory, temporary,
				      O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
				      file->like ? 0600 : file->mode);

	if (fd < 0)
		return -1;
	if (fill(file, fd, bytes, length) < 0 ||
	    renameat(file->directory, temporary, file->directory, file->name) < 0) {
		int reason = errno;

		(void)unlinkat(file->directory, temporary, 0);
		errno = reason;
		return -1;
	}
	return 0;
}

/* Returns 0; 1 where the name cannot be had; or -1 with errno. */
static int put_by_fixed_name(const struct new_file *file, const void *bytes, size_t length)
{
	CLEANUP_FREE char *temporary = fixed_name(file->name);
	int result = 1;

	if (!take_fixed_name(file->directory))
		return 1;
	if (unlinkat(file->directory, temporary, 0) == 0 || errno == ENOENT)
		result = put(file, temporary, bytes, length);
	give_back_fixed_name(file->directory);
	return result;
}

int new_file_put(const struct new_file *file, const void *bytes, size_t length)
{
	CLEANUP_FREE char *temporary = NULL;
	int result = put_by_fixed_name(file, bytes, length);

	if (result <= 0)
		return result;
	temporary = new_file_temporary_name(file->name);
	return put(file, temporary, bytes, length);
}

void new_file_clear(int directory, const char *name)
{
	CLEANUP_FREE char *temporary = fixed_name(name);

	if (!take_fixed_name(directory))
		return;
	(void)unlinkat(directory, temporary, 0);
	give_back_fixed_name(directory);
}
