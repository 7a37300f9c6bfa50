/* SPDX-License-Identifier: Zlib */
/* Private directories: whose they are, what is followed, and that files are whole or absent. */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/error.h"
#include "agent/private_dir.h"
#include "agent/root.h"
#include "agent/strbuf.h"
#include "tests/unit/check.h"

struct place {
	char directory[64];
	char spinup[96];
	struct root root;
};

static int place_make(void **state)
{
	static struct place place;
	struct error error = {0};

	place = (struct place){.directory = "/tmp/spinup-private-XXXXXX"};
	if (!mkdtemp(place.directory))
		return -1;
	(void)snprintf(place.spinup, sizeof(place.spinup), "%s/spinup", place.directory);
	*state = &place;
	return root_open_directory(&place.root, NULL, &error);
}

static char *below(const char *directory, const char *name)
{
	static char path[512];

	(void)snprintf(path, sizeof(path), "%s/%s", directory, name);
	return path;
}

static void remove_entries(const char *directory)
{
	DIR *stream = opendir(directory);
	const struct dirent *entry;

	while (stream && (entry = readdir(stream)))
		(void)unlink(below(directory, entry->d_name));
	if (stream)
		(void)closedir(stream);
}

static int place_remove(void **state)
{
	struct place *place = *state;

	remove_entries(place->spinup);
	(void)rmdir(place->spinup);
	remove_entries(place->directory);
	root_close(&place->root);
	return rmdir(place->directory);
}

static int open_place(const struct place *place, struct private_dir *directory, struct error *error)
{
	return private_dir_open(directory, &place->root, place->directory, "spinup", error);
}

static unsigned int mode_of(const char *path)
{
	struct stat status;

	assert_int_equal(lstat(path, &status), 0);
	return status.st_mode & 0777;
}

static size_t count_entries(const char *directory)
{
	DIR *stream = opendir(directory);
	size_t count = 0;

	assert_non_null(stream);
	while (readdir(stream))
		count++;
	(void)closedir(stream);
	return count - 2;
}

static void expect_content(const struct place *place, const char *path, const char *content)
{
	struct strbuf text = STRBUF_INIT(4096);

	assert_int_equal(root_read(&place->root, path, &text), 0);
	assert_string_equal(text.data, content);
	strbuf_release(&text);
}

static void made_private_and_replaced_whole(void **state)
{
	struct place *place = *state;
	struct private_dir directory;
	struct error error = {0};

	(void)umask(0);
	assert_int_equal(open_place(place, &directory, &error), 0);
	assert_int_equal(mode_of(place->spinup), 0700);
	assert_int_equal(private_dir_write(&directory, "netrc", "one", 3, &error), 0);
	assert_int_equal(private_dir_write(&directory, "netrc", "two", 3, &error), 0);
	assert_int_equal(mode_of(below(place->spinup, "netrc")), 0600);
	expect_content(place, below(place->spinup, "netrc"), "two");
	assert_int_equal(count_entries(place->spinup), 1);
	private_dir_close(&directory);
}

static void others_lose_their_rights(void **state)
{
	struct place *place = *state;
	struct private_dir directory;
	struct error error = {0};

	assert_int_equal(mkdir(place->spinup, 0700), 0);
	assert_int_equal(chmod(place->spinup, 0777), 0);
	assert_int_equal(open_place(place, &directory, &error), 0);
	assert_int_equal(mode_of(place->spinup), 0700);
	private_dir_close(&directory);
}

static void symlinks_are_not_followed(void **state)
{
	struct place *place = *state;
	struct private_dir directory;
	struct error error = {0};

	assert_int_equal(symlink("/proc", place->spinup), 0);
	assert_int_equal(open_place(place, &directory, &error), -1);
	assert_non_null(strstr(error.message, place->spinup));
	private_dir_close(&directory);
	assert_int_equal(unlink(place->spinup), 0);

	/* A planted link at the file's own name is replaced, not written through. */
	assert_int_equal(open_place(place, &directory, &error), 0);
	assert_int_equal(close(open(below(place->directory, "victim"), O_CREAT | O_WRONLY, 0600)),
			 0);
	assert_int_equal(symlink("../victim", below(place->spinup, "netrc")), 0);
	assert_int_equal(private_dir_write(&directory, "netrc", "secret", 6, &error), 0);
	expect_content(place, below(place->directory, "victim"), "");
	expect_content(place, below(place->spinup, "netrc"), "secret");
	private_dir_close(&directory);
}

static void somebody_elses_is_refused(void **state)
{
	struct place *place = *state;
	struct private_dir directory;
	struct error error = {0};

	if (geteuid() != 0)
		skip(); /* needs root to give a directory away */
	assert_int_equal(mkdir(place->spinup, 0700), 0);
	assert_int_equal(chown(place->spinup, 12345, 12345), 0);
	assert_int_equal(open_place(place, &directory, &error), -1);
	assert_non_null(strstr(error.message, "12345"));
	private_dir_close(&directory);
	/* Root takes what belongs to the owner of RUNNER_TEMP: a job container runs as root. */
	assert_int_equal(chown(place->directory, 12345, 12345), 0);
	assert_int_equal(open_place(place, &directory, &error), 0);
	private_dir_close(&directory);
}

static void a_full_disk_leaves_no_trace(void **state)
{
	struct place *place = *state;
	struct private_dir directory;
	struct error error = {0};
	struct rlimit limit, low;
	int result;

	assert_int_equal(open_place(place, &directory, &error), 0);
	assert_int_equal(private_dir_write(&directory, "netrc", "old", 3, &error), 0);
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	low = limit;
	low.rlim_cur = 4;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
	result = private_dir_write(&directory, "netrc", "longer", 6, &error);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	(void)signal(SIGXFSZ, SIG_DFL);
	assert_int_equal(result, -1);
	assert_non_null(strstr(error.message, "netrc cannot be written"));
	expect_content(place, below(place->spinup, "netrc"), "old");
	assert_int_equal(count_entries(place->spinup), 1);
	private_dir_close(&directory);
}

static void a_missing_parent_is_named(void **state)
{
	struct place *place = *state;
	struct private_dir directory;
	struct error error = {0};

	assert_int_equal(
		private_dir_open(&directory, &place->root, "/does/not/exist", "spinup", &error),
		-1);
	assert_non_null(strstr(error.message, "/does/not/exist"));
	private_dir_close(&directory);
}

static void the_operators_own_file(void **state)
{
	struct place *place = *state;
	struct error error = {0};
	char path[128], fifo[128], text[8] = "";
	int fd;

	(void)umask(022);
	(void)snprintf(path, sizeof(path), "%s/report.json", place->directory);
	(void)snprintf(fifo, sizeof(fifo), "%s/fifo", place->directory);
	assert_int_equal(private_file_put(path, 0644, "{}\n", 3, &error), 0);
	assert_int_equal(mode_of(path), 0644);
	expect_content(place, path, "{}\n");
	assert_int_equal(mkfifo(fifo, 0600), 0);
	/* Nobody reads it: that is said, and not waited for. */
	assert_int_equal(private_file_put(fifo, 0644, "{}\n", 3, &error), -1);
	assert_non_null(strstr(error.message, "reader"));
	fd = open(fifo, O_RDWR);
	assert_int_equal(private_file_put(fifo, 0644, "{}\n", 3, &error), 0);
	assert_int_equal(read(fd, text, sizeof(text)), 3);
	/* A secret never goes into somebody's pipe: that is replaced. */
	assert_int_equal(private_file_replace(fifo, 0600, "secret", 6, &error), 0);
	expect_content(place, fifo, "secret");
	(void)close(fd);
	assert_int_equal(private_file_replace("/does/not/exist", 0644, "", 0, &error), -1);
	assert_non_null(strstr(error.message, "/does/not/exist"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, place_make, place_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(made_private_and_replaced_whole), TEST(others_lose_their_rights),
		TEST(symlinks_are_not_followed),       TEST(somebody_elses_is_refused),
		TEST(a_full_disk_leaves_no_trace),     TEST(a_missing_parent_is_named),
		TEST(the_operators_own_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
