/* SPDX-License-Identifier: Zlib */
/* Files of the machine's configuration: replaced whole, or written into where they are a mount. */
#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/error.h"
#include "agent/root.h"
#include "agent/system_file.h"
#include "tests/unit/check.h"
#include "tests/unit/machine.h"

#define PASSWD "/etc/passwd"
#define NO_RIGHT 77 /* the status of a child that may not mount */

struct place {
	struct machine machine;
	struct root root;
	char passwd[512], origin[512]; /* outside the machine */
};

static int place_make(void **state)
{
	static struct place place;

	machine_make(&place.machine);
	machine_directory(&place.machine, "/etc");
	(void)snprintf(place.passwd, sizeof(place.passwd), "%s" PASSWD, place.machine.directory);
	(void)snprintf(place.origin, sizeof(place.origin), "%s/origin", place.machine.directory);
	*state = &place;
	return root_open_directory(&place.root, place.machine.directory, NULL);
}

static int place_remove(void **state)
{
	struct place *place = *state;

	root_close(&place->root);
	machine_remove(&place->machine);
	return 0;
}

static size_t count_entries(const struct place *place)
{
	char path[512];
	DIR *stream;
	size_t count = 0;

	(void)snprintf(path, sizeof(path), "%s/etc", place->machine.directory);
	stream = opendir(path);
	assert_non_null(stream);
	while (readdir(stream))
		count++;
	(void)closedir(stream);
	return count - 2;
}

static bool has_content(const struct place *place, const char *path, const char *content)
{
	struct strbuf text = STRBUF_INIT(4096);
	bool is_same = root_read(&place->root, path, &text) == 0 && strcmp(text.data, content) == 0;

	strbuf_release(&text);
	return is_same;
}

/* Reads the file and puts TEXT in its place. */
static int replace(const struct place *place, const char *text, struct error *error)
{
	struct system_file file;
	int result = system_file_open(&file, &place->root, PASSWD, error);

	if (result == 0)
		result = system_file_replace(&file, text, error);
	system_file_close(&file);
	return result;
}

static void replaced_whole_and_removed(void **state)
{
	const struct place *place = *state;
	struct error error = {0};
	struct system_file file;

	machine_file(&place->machine, PASSWD, "old\n");
	assert_int_equal(replace(place, "new and longer\n", &error), 0);
	assert_true(has_content(place, PASSWD, "new and longer\n"));
	assert_int_equal(count_entries(place), 1);
	assert_int_equal(system_file_open(&file, &place->root, PASSWD, &error), 0);
	assert_true(file.is_there);
	assert_string_equal(file.text.data, "new and longer\n");
	assert_int_equal(system_file_remove(&file, &error), 0);
	assert_int_equal(system_file_remove(&file, &error), -1);
	assert_non_null(strstr(error.message, PASSWD " cannot be removed"));
	system_file_close(&file);
	assert_int_equal(count_entries(place), 0);
}

static void only_what_is_missing_may_be_missing(void **state)
{
	const struct place *place = *state;
	struct error error = {0};
	struct system_file file;

	assert_int_equal(system_file_open(&file, &place->root, PASSWD, &error), 0);
	assert_false(file.is_there);
	assert_true(file.directory >= 0);
	system_file_close(&file);
	assert_int_equal(system_file_open(&file, &place->root, "/etc/x/passwd", &error), 0);
	assert_int_equal(file.directory, -1);
	system_file_close(&file);
	machine_file(&place->machine, PASSWD, "");
	assert_int_equal(system_file_open(&file, &place->root, PASSWD "/x", &error), -1);
	assert_non_null(strstr(error.message, PASSWD " cannot be opened: Not a directory"));
	system_file_close(&file);
	assert_int_equal(system_file_open(&file, &place->root, "passwd", &error), -1);
	system_file_close(&file);
}

/* Files may not grow beyond LIMIT while BODY's replacement runs. */
static int replace_with_little_space(const struct place *place, const char *text,
				     struct error *error)
{
	struct rlimit limit, low;
	int result;

	(void)signal(SIGXFSZ, SIG_IGN);
	if (getrlimit(RLIMIT_FSIZE, &limit) < 0)
		return -2;
	low = limit;
	low.rlim_cur = 8;
	if (setrlimit(RLIMIT_FSIZE, &low) < 0)
		return -2;
	result = replace(place, text, error);
	(void)setrlimit(RLIMIT_FSIZE, &limit);
	(void)signal(SIGXFSZ, SIG_DFL);
	return result;
}

static void a_full_disk_changes_nothing(void **state)
{
	const struct place *place = *state;
	struct error error = {0};

	machine_file(&place->machine, PASSWD, "old\n");
	assert_int_equal(replace_with_little_space(place, "longer than that\n", &error), -1);
	assert_non_null(strstr(error.message, PASSWD " cannot be written: File too large"));
	assert_true(has_content(place, PASSWD, "old\n"));
	assert_int_equal(count_entries(place), 1);
}

/* ---- mounts, in a child with mounts of its own; it ends with the number of the line that failed */

#define EXPECT(condition)                                                                          \
	do {                                                                                       \
		if (!(condition))                                                                  \
			_exit(__LINE__ % 64 + 1);                                                  \
	} while (0)

/* The root is opened again, since a descriptor keeps to the mounts that it was opened with. */
static void mount_origin(struct place *place, unsigned long flags)
{
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount(place->origin, place->passwd, NULL, MS_BIND, NULL) < 0)
		_exit(NO_RIGHT);
	EXPECT(mount(NULL, place->passwd, NULL, MS_BIND | MS_REMOUNT | flags, NULL) == 0);
	root_close(&place->root);
	EXPECT(root_open_directory(&place->root, place->machine.directory, NULL) == 0);
}

/* An edit that fails elsewhere puts this file back as it was read. */
static void write_and_put_back(const struct place *place)
{
	struct error error = {0};
	struct system_file file;

	EXPECT(system_file_open(&file, &place->root, PASSWD, &error) == 0);
	EXPECT(system_file_replace(&file, "rost\nnixbld1\n", &error) == 0);
	EXPECT(system_file_replace(&file, file.text.data, &error) == 0);
	EXPECT(has_content(place, "/origin", "root\n"));
	system_file_close(&file);
}

static void write_into_mount(struct place *place)
{
	struct error error = {0};

	mount_origin(place, 0);
	EXPECT(replace(place, "root\nnixbld1\n", &error) == 0);
	EXPECT(has_content(place, "/origin", "root\nnixbld1\n"));
	EXPECT(replace(place, "root\n", &error) == 0); /* and shorter again */
	EXPECT(has_content(place, "/origin", "root\n"));
	EXPECT(count_entries(place) == 1);
	write_and_put_back(place);
	_exit(0);
}

/* The new file fits beside the mount, but not into it: what was there is back. */
static void write_into_full_mount(struct place *place)
{
	static char text[8192];
	struct error error = {0};

	memset(text, 'r', sizeof(text) - 1);
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		_exit(NO_RIGHT);
	(void)snprintf(place->origin, sizeof(place->origin), "%s/small", place->machine.directory);
	EXPECT(mkdir(place->origin, 0755) == 0);
	if (mount("tmpfs", place->origin, "tmpfs", 0, "size=4k") < 0)
		_exit(NO_RIGHT);
	machine_file(&place->machine, "/small/origin", "root\n");
	(void)snprintf(place->origin, sizeof(place->origin), "%s/small/origin",
		       place->machine.directory);
	mount_origin(place, 0);
	EXPECT(replace(place, text, &error) == -1);
	EXPECT(strstr(error.message, PASSWD " cannot be written: No space left"));
	EXPECT(has_content(place, "/small/origin", "root\n"));
	EXPECT(count_entries(place) == 1);
	_exit(0);
}

static void write_into_read_only_mount(struct place *place)
{
	struct error error = {0};

	mount_origin(place, MS_RDONLY);
	EXPECT(replace(place, "root\nnixbld1\n", &error) == -1);
	EXPECT(strstr(error.message, PASSWD " cannot be written: it lies on a read-only file"));
	EXPECT(has_content(place, "/origin", "root\n"));
	_exit(0);
}

static void in_child(void **state, void (*body)(struct place *place))
{
	struct place *place = *state;
	pid_t pid;
	int status;

	machine_file(&place->machine, "/origin", "root\n");
	machine_file(&place->machine, PASSWD, "hidden\n");
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		body(place);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == NO_RIGHT)
		skip(); /* root that may mount */
	assert_int_equal(status, 0);
	assert_true(has_content(place, PASSWD, "hidden\n"));
}

static void a_mount_is_written_into(void **state)
{
	in_child(state, write_into_mount);
}

static void a_full_mount_keeps_what_it_had(void **state)
{
	in_child(state, write_into_full_mount);
}

static void a_read_only_mount_is_named(void **state)
{
	in_child(state, write_into_read_only_mount);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, place_make, place_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(replaced_whole_and_removed),     TEST(only_what_is_missing_may_be_missing),
		TEST(a_full_disk_changes_nothing),    TEST(a_mount_is_written_into),
		TEST(a_full_mount_keeps_what_it_had), TEST(a_read_only_mount_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
