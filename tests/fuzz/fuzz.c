/* SPDX-License-Identifier: Zlib */
/* What the fuzz targets share. */
#include "tests/fuzz/fuzz.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/error.h"
#include "agent/mem.h"
#include "agent/root.h"

char *fuzz_text(const uint8_t *bytes, size_t length)
{
	char *text = mem_alloc(length + 1, 1);

	if (length)
		memcpy(text, bytes, length);
	return text;
}

const struct root *fuzz_root(void)
{
	static struct root root = {.fd = -1};

	if (root.fd < 0 && root_open_directory(&root, NULL, NULL) < 0)
		abort();
	return &root;
}

const char *fuzz_file(const uint8_t *bytes, size_t length)
{
	static char path[64];
	static int fd = -1;

	if (fd >= 0)
		close(fd);
	fd = memfd_create("fuzz", MFD_CLOEXEC);
	if (fd < 0 || write(fd, bytes, length) != (ssize_t)length)
		abort();
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return path;
}

static void fill(int at, const char *path, const uint8_t *bytes, size_t length)
{
	int fd = openat(at, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, bytes, length) != (ssize_t)length)
		abort();
	close(fd);
}

void fuzz_files(int at, const char *const *paths, size_t count, const uint8_t *bytes, size_t length)
{
	const uint8_t *next = bytes, *end = bytes + length;

	for (size_t i = 0; i < count; i++) {
		const uint8_t *stop = next < end ? memchr(next, '\0', (size_t)(end - next)) : NULL;

		fill(at, paths[i], next, (size_t)((stop ? stop : end) - next));
		next = stop ? stop + 1 : end;
	}
}

void fuzz_expect(bool holds, const char *promise)
{
	if (holds)
		return;
	(void)fprintf(stderr, "broken promise: %s\n", promise);
	abort();
}
