/* SPDX-License-Identifier: Zlib */
/* What a kill has left beside a file goes with the next one, in a directory that is root's alone. */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/new_file.h"
#include "agent/root.h"
#include "agent/strbuf.h"
#include "tests/unit/check.h"
#include "tests/unit/machine.h"

#define PLACE "/etc"
#define LEFT PLACE "/.passwd.spinup"

struct scene {
	struct machine machine;
	struct root root;
	int directory;
};

static int make_scene(void **state)
{
	static struct scene scene;

	machine_make(&scene.machine);
	machine_directory(&scene.machine, PLACE);
	machine_mode(&scene.machine, PLACE, 0755);
	assert_int_equal(root_open_directory(&scene.root, scene.machine.directory, NULL), 0);
	scene.directory = root_open(&scene.root, PLACE, O_RDONLY | O_DIRECTORY, 0);
	*state = &scene;
	return 0;
}

static int remove_scene(void **state)
{
	struct scene *scene = *state;

	(void)close(scene->directory);
	root_close(&scene->root);
	machine_remove(&scene->machine);
	return 0;
}

static bool is_there(const struct scene *scene, const char *path)
{
	struct stat status;

	return root_lstat(&scene->root, path, &status) == 0;
}

static void put(const struct scene *scene, const char *content)
{
	const struct new_file file = {
		.directory = scene->directory, .name = "passwd", .mode = 0644};
	struct strbuf text = STRBUF_INIT(256);

	assert_int_equal(new_file_put(&file, content, strlen(content)), 0);
	assert_int_equal(root_read(&scene->root, PLACE "/passwd", &text), 0);
	assert_string_equal(text.data, content);
	strbuf_release(&text);
}

static void needs_root(void)
{
	if (geteuid() != 0)
		skip();
}

static void what_a_kill_left_goes(void **state)
{
	const struct scene *scene = *state;

	needs_root();
	machine_file(&scene->machine, LEFT, "half of i");
	put(scene, "it");
	assert_false(is_there(scene, LEFT));
	machine_file(&scene->machine, LEFT, "half of i");
	new_file_clear(scene->directory, "passwd");
	assert_false(is_there(scene, LEFT));
	new_file_clear(scene->directory, "passwd");
	assert_true(is_there(scene, PLACE "/passwd"));
}

/* Where others can make files, or hold the lock, what lies there may be somebody's. */
static void another_name_where_that_one_is_not_ours_alone(void **state)
{
	const struct scene *scene = *state;
	int other = openat(scene->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	needs_root();
	machine_file(&scene->machine, LEFT, "");
	machine_mode(&scene->machine, PLACE, 01777);
	put(scene, "open");
	new_file_clear(scene->directory, "passwd");
	assert_true(is_there(scene, LEFT));
	machine_mode(&scene->machine, PLACE, 0755);
	assert_int_equal(flock(other, LOCK_EX), 0);
	put(scene, "locked");
	assert_true(is_there(scene, LEFT));
	assert_int_equal(flock(other, LOCK_UN), 0);
	put(scene, "free");
	assert_false(is_there(scene, LEFT));
	assert_int_equal(flock(other, LOCK_EX | LOCK_NB), 0); /* it was given back */
	(void)close(other);
}

static void a_directory_in_the_way_blocks_nothing(void **state)
{
	const struct scene *scene = *state;

	needs_root();
	machine_directory(&scene->machine, LEFT);
	put(scene, "it");
	assert_true(is_there(scene, LEFT));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_scene, remove_scene)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_a_kill_left_goes),
		TEST(another_name_where_that_one_is_not_ours_alone),
		TEST(a_directory_in_the_way_blocks_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
