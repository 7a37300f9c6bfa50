/* SPDX-License-Identifier: Zlib */
/* A fake machine for --root. */
#include "tests/unit/machine.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/check.h"

#define PATH_BYTES 1024u
#define MAX_OPEN_DIRECTORIES 512 /* musl goes no deeper */

static void inside(const struct machine *machine, const char *path, char ret[PATH_BYTES])
{
	int length = snprintf(ret, PATH_BYTES, "%s%s", machine->directory, path);

	assert_in_range(length, 1, PATH_BYTES - 1);
}

/* Makes each directory of PATH up to LENGTH, as far as it is missing. */
static void make_directories(char *path, size_t length)
{
	for (size_t i = 1; i <= length; i++) {
		char here = path[i];

		if (here != '/' && here != '\0')
			continue;
		path[i] = '\0';
		assert_true(mkdir(path, 0755) == 0 || errno == EEXIST);
		path[i] = here;
	}
}

static void make_parents(char *path)
{
	make_directories(path, (size_t)(strrchr(path, '/') - path));
}

void machine_make(struct machine *machine)
{
	const char *temp = getenv("TMPDIR");
	int length = snprintf(machine->directory, sizeof(machine->directory), "%s/spinup.XXXXXX",
			      temp ? temp : "/tmp");

	assert_in_range(length, 1, sizeof(machine->directory) - 1);
	assert_non_null(mkdtemp(machine->directory));
	/* A test that drops its rights must still get in. */
	assert_int_equal(chmod(machine->directory, 0755), 0);
}

void machine_directory(const struct machine *machine, const char *path)
{
	char full[PATH_BYTES];

	inside(machine, path, full);
	make_directories(full, strlen(full));
}

void machine_file(const struct machine *machine, const char *path, const char *content)
{
	char full[PATH_BYTES];
	FILE *file;

	inside(machine, path, full);
	make_parents(full);
	file = fopen(full, "we");
	assert_non_null(file);
	assert_true(fputs(content, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

void machine_mode(const struct machine *machine, const char *path, mode_t mode)
{
	char full[PATH_BYTES];

	inside(machine, path, full);
	assert_int_equal(chmod(full, mode), 0);
}

void machine_link(const struct machine *machine, const char *path, const char *target)
{
	char full[PATH_BYTES];

	inside(machine, path, full);
	make_parents(full);
	assert_int_equal(symlink(target, full), 0);
}

const char *machine_path(const struct machine *machine, const char *path)
{
	static char full[PATH_BYTES];

	inside(machine, path, full);
	return full;
}

static int remove_one(const char *path, const struct stat *status, int flag, struct FTW *walk)
{
	(void)status;
	(void)flag;
	(void)walk;
	return remove(path);
}

void machine_remove(const struct machine *machine)
{
	assert_int_equal(
		nftw(machine->directory, remove_one, MAX_OPEN_DIRECTORIES, FTW_DEPTH | FTW_PHYS),
		0);
}
