/* SPDX-License-Identifier: Zlib */
/* What lies in a store's directory. */
#include "agent/install_store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/error.h"
#include "agent/mem.h"
#include "agent/narinfo.h"
#include "agent/words.h"

static void close_directory(DIR **directory)
{
	if (*directory)
		(void)closedir(*directory);
}

int install_store_list(int parent, struct words *ret, struct error *error)
{
	int fd = openat(parent, "store", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	CLEANUP(close_directory) DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (!directory) {
		(void)error_set(error, ERROR_AGENT, NIX_STORE_DIRECTORY ": %s", strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	while ((entry = readdir(directory))) {
		CLEANUP_FREE char *path = mem_format(NIX_STORE_DIRECTORY "/%s", entry->d_name);

		if (nix_store_path_is_valid(path))
			words_add(ret, path);
	}
	return 0;
}
