/* SPDX-License-Identifier: Zlib */
/* What lies in a store's directory. */
#include "agent/install_store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/error.h"
#include "agent/mem.h"
#include "agent/narinfo.h"
#include "agent/nix_tree.h"
#include "agent/words.h"

#define STORE "store"

static int fail(struct error *error)
{
	return error_set(error, ERROR_AGENT, NIX_STORE_DIRECTORY ": %s", strerror(errno));
}

/* Takes FD. */
static int list(int fd, struct words *ret, struct error *error)
{
	CLEANUP_DIR DIR *directory = fdopendir(fd);
	const struct dirent *entry;

	if (!directory) {
		(void)fail(error);
		close(fd);
		return -1;
	}
	while ((errno = 0, entry = readdir(directory))) {
		CLEANUP_FREE char *path = mem_format(NIX_STORE_DIRECTORY "/%s", entry->d_name);

		if (nix_store_path_is_valid(path))
			words_add(ret, path);
	}
	return errno ? fail(error) : 0;
}

int install_store_list(int parent, struct words *ret, struct error *error)
{
	int fd = openat(parent, STORE, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT ? 0 : fail(error);
	return list(fd, ret, error);
}

int install_store_list_own(int nix, struct words *ret, struct error *error)
{
	struct stat status;
	int fd;

	if (fstatat(nix, STORE, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : fail(error);
	fd = nix_tree_open(nix, STORE, error);
	return fd < 0 ? -1 : list(fd, ret, error);
}
