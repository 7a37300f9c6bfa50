/* SPDX-License-Identifier: Zlib */
/* Files that appear in one step. */
#include "agent/new_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
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

int new_file_put(const struct new_file *file, const void *bytes, size_t length)
{
	CLEANUP_FREE char *temporary = new_file_temporary_name(file->name);
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
