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
#include "agent/talk.h"

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

/* Makes the directory where an image has none. */
static int open_directory(const struct root *root)
{
	CLEANUP_CLOSE int parent = root_open(root, "/usr/local", O_RDONLY | O_DIRECTORY, 0);

	if (parent >= 0)
		(void)mkdirat(parent, "bin", 0755);
	return root_open(root, INSTALL_PROGRAM_DIRECTORY, O_RDONLY | O_DIRECTORY, 0);
}

int install_program(struct installation *installation, const char *name, struct error *error)
{
	CLEANUP_FREE char *path = mem_format(INSTALL_PROGRAM_DIRECTORY "/%s", name);
	CLEANUP_CLOSE int from =
		openat(installation->staging, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	CLEANUP_CLOSE int directory = -1;
	struct stat status;

	if (from < 0)
		return errno == ENOENT
			       ? 0
			       : error_set(error, ERROR_AGENT, "%s: %s", path, strerror(errno));
	directory = open_directory(&installation->context->root);
	if (directory >= 0 && fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	manifest_add(&installation->manifest, MANIFEST_PROGRAM, path);
	if (manifest_write(&installation->manifest, &installation->state.directory, error) < 0)
		return -1;
	/* Nix works without it, and a finding says what is missing. */
	if (directory < 0 || copy(from, directory, name) < 0)
		talk("%s could not be put there: %s", path, strerror(errno));
	return 0;
}
