/* SPDX-License-Identifier: Zlib */
/* The names in a directory, in an order that does not change from run to run. */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/root.h"
#include "probes/gpu_loader.h"

static int compare(const void *left, const void *right)
{
	return strverscmp(*(char *const *)left, *(char *const *)right);
}

bool gpu_directory_list(const struct root *root, const char *path, struct words *ret)
{
	int fd = root_open(root, path, O_RDONLY | O_DIRECTORY, 0);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry = NULL;

	if (!directory) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	while (ret->count < GPU_MAX_NAMES && (entry = readdir(directory)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			words_add(ret, entry->d_name);
	closedir(directory);
	if (ret->count > 1)
		qsort(ret->items, ret->count, sizeof(ret->items[0]), compare);
	return entry != NULL;
}
