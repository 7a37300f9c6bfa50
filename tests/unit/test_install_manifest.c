/* SPDX-License-Identifier: Zlib */
/* The manifest: what was written comes back, each line once, and a damaged one is named. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "agent/error.h"
#include "agent/install_manifest.h"
#include "agent/private_dir.h"
#include "agent/root.h"
#include "tests/unit/check.h"
#include "tests/unit/machine.h"

struct scene {
	struct machine machine;
	struct root root;
	struct private_dir directory;
};

static int make_scene(void **state)
{
	static struct scene scene;
	struct error error = {0};

	machine_make(&scene.machine);
	machine_directory(&scene.machine, "/nix");
	assert_int_equal(root_open_directory(&scene.root, scene.machine.directory, NULL), 0);
	if (private_dir_open(&scene.directory, &scene.root, "/nix", ".spinup", &error) < 0)
		fail_msg("%s", error.message);
	*state = &scene;
	return 0;
}

static int remove_scene(void **state)
{
	struct scene *scene = *state;

	private_dir_close(&scene->directory);
	root_close(&scene->root);
	machine_remove(&scene->machine);
	return 0;
}

static void comes_back(void **state)
{
	const struct scene *scene = *state;
	struct manifest written = {0}, read = {0};
	struct words paths = {0};
	struct error error = {0};

	assert_int_equal(manifest_read(&read, &scene->directory, &error), 0);
	assert_int_equal(read.lines.count, 0);
	manifest_add(&written, MANIFEST_SOURCE, "nix-2.26.3");
	manifest_add(&written, MANIFEST_PATH, "/nix/store/one");
	manifest_add(&written, MANIFEST_PATH, "/nix/store/two");
	manifest_add(&written, MANIFEST_PATH, "/nix/store/one");
	manifest_add(&written, MANIFEST_ACCOUNT, "user nixbld1:x:30001:30000::/:/sbin/nologin");
	assert_int_equal(manifest_write(&written, &scene->directory, &error), 0);
	assert_int_equal(manifest_read(&read, &scene->directory, &error), 0);
	assert_int_equal(read.lines.count, 4);
	manifest_values(&read, MANIFEST_PATH, &paths);
	assert_int_equal(paths.count, 2);
	assert_string_equal(paths.items[1], "/nix/store/two");
	assert_true(manifest_has(&read, MANIFEST_PATH, "/nix/store/one"));
	assert_false(manifest_has(&read, MANIFEST_PATH, "/nix/store/on"));
	assert_false(manifest_has(&read, MANIFEST_PROGRAM, "/nix/store/one"));
	assert_int_equal(manifest_remove(&scene->directory, &error), 0);
	assert_int_equal(manifest_remove(&scene->directory, &error), 0);
	words_release(&paths);
	manifest_release(&written);
	manifest_release(&read);
}

static void damage_is_named(void **state)
{
	static const char *const texts[] = {"source a\nwhatever b\n", "path\n", "path \n",
					    "pathx /a\n"};
	const struct scene *scene = *state;

	for (size_t i = 0; i < COUNT(texts); i++) {
		struct manifest read = {0};
		struct error error = {0};

		machine_file(&scene->machine, "/nix/.spinup/manifest", texts[i]);
		assert_int_equal(manifest_read(&read, &scene->directory, &error), -1);
		if (!strstr(error.message, "is none of a manifest"))
			fail_msg("%s: %s", texts[i], error.message);
		manifest_release(&read);
	}
}

/* Its lines lead root to what it removes. */
static void another_users_is_not_believed(void **state)
{
	const struct scene *scene = *state;
	struct manifest read = {0};
	struct error error = {0};

	if (geteuid() != 0)
		skip(); /* needs root to give a file away */
	machine_file(&scene->machine, "/nix/.spinup/manifest", "directory /nix\n");
	assert_int_equal(manifest_read(&read, &scene->directory, &error), 0);
	manifest_release(&read);
	assert_int_equal(fchownat(scene->directory.fd, MANIFEST_NAME, 1001, 1001, 0), 0);
	assert_int_equal(manifest_read(&read, &scene->directory, &error), -1);
	assert_non_null(
		strstr(error.message, "belongs to user 1001, and is not believed: remove it"));
	manifest_release(&read);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(comes_back, make_scene, remove_scene),
		cmocka_unit_test_setup_teardown(damage_is_named, make_scene, remove_scene),
		cmocka_unit_test_setup_teardown(another_users_is_not_believed, make_scene,
						remove_scene),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
