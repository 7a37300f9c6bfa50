/* SPDX-License-Identifier: Zlib */
/* A program that an archive brings beside the store. */
#include "agent/install_program.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/context.h"
#include "agent/error.h"
#include "agent/install.h"
#include "agent/mem.h"
#include "agent/root.h"

#define MODE 0555u

static int copy_all(int from, int to)
{
	struct stat status;
	off_t done = 0;

	if (fstat(from, &status) < 0)
		return -1;
	while (done < status.st_size) {
		ssize_t count = sendfile(to, from, NULL, (size_t)(status.st_size - done));

		if (count < 0 && errno == EINTR)
			continue;
		if (count <= 0)
			return -1;
		done += count;
	}
	return 0;
}

/* It appears whole, by rename. The other name is always the same, so that one which a killed
 * installation has left is taken away; whoever may write here besides root may do anything. */
static int copy(int from, int directory, const char *name)
{
	CLEANUP_FREE char *temporary = mem_format(".%s.spinup", name);
	CLEANUP_CLOSE int to = -1;
	int reason;

	(void)unlinkat(directory, temporary, 0);
	to = openat(directory, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		    0600);
	if (to < 0)
		return -1;
	if (copy_all(from, to) == 0 && fchmod(to, MODE) == 0 &&
	    renameat(directory, temporary, directory, name) == 0)
		return 0;
	reason = errno;
	(void)unlinkat(directory, temporary, 0);
	errno = reason;
	return -1;
}

int install_program(struct installation *installation, const char *name, struct error *error)
{
	CLEANUP_FREE char *path = mem_format(INSTALL_PROGRAM_DIRECTORY "/%s", name);
	CLEANUP_CLOSE int from =
		openat(installation->staging, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	CLEANUP_CLOSE int directory = root_open(
		&installation->context->root, INSTALL_PROGRAM_DIRECTORY, O_RDONLY | O_DIRECTORY, 0);
	struct stat status;

	if (from < 0 && errno == ENOENT)
		return 0;
	if (from < 0 || directory < 0)
		return error_set(error, ERROR_AGENT, "%s: %s", path, strerror(errno));
	if (fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	manifest_add(&installation->manifest, MANIFEST_PROGRAM, path);
	if (manifest_write(&installation->manifest, &installation->state.directory, error) < 0)
		return -1;
	if (copy(from, directory, name) < 0)
		return error_set(error, ERROR_AGENT, "%s: %s", path, strerror(errno));
	return 0;
}
