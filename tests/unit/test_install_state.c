/* SPDX-License-Identifier: Zlib */
/* What spinup keeps beside a store: the lock of a directory that is gone is none, what others have put at
 * its names is not believed, and /nix goes where spinup made it. Needs root, whose directories they are. */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/error.h"
#include "agent/install_home.h"
#include "agent/install_manifest.h"
#include "agent/install_state.h"
#include "agent/root.h"
#include "agent/run.h"
#include "agent/strbuf.h"
#include "agent/tree.h"
#include "tests/unit/check.h"
#include "tests/unit/machine.h"

#define RUNNER 1001u
#define LONG_US INT64_C(20000000)
#define STATE "/nix/.spinup"

struct scene {
	struct machine machine;
	struct root root;
	struct install_state state;
	struct error error;
};

static int make_scene(void **state)
{
	static struct scene scene;

	scene = (struct scene){.state = INSTALL_STATE_INIT};
	machine_make(&scene.machine);
	assert_int_equal(root_open_directory(&scene.root, scene.machine.directory, NULL), 0);
	*state = &scene;
	return 0;
}

static int remove_scene(void **state)
{
	struct scene *scene = *state;

	install_state_close(&scene->state);
	root_close(&scene->root);
	machine_remove(&scene->machine);
	return 0;
}

static void needs_root(void)
{
	if (geteuid() != 0)
		skip();
}

static void open_state(struct scene *scene)
{
	if (install_state_open(&scene->state, &scene->root, &scene->error) < 0)
		fail_msg("%s", scene->error.message);
}

static void lock(struct scene *scene)
{
	if (install_state_lock(&scene->state, run_clock_us() + LONG_US, &scene->error) < 0)
		fail_msg("%s", scene->error.message);
}

static bool is_there(const struct scene *scene, const char *path)
{
	struct stat status;

	return root_lstat(&scene->root, path, &status) == 0;
}

static void give(const struct scene *scene, const char *path, uid_t owner)
{
	char whole[PATH_MAX];

	(void)snprintf(whole, sizeof(whole), "%s%s", scene->machine.directory, path);
	assert_int_equal(lchown(whole, owner, owner), 0);
}

/* Whether what STATE has locked is the lock that the next process would find. */
static bool is_found_by_others(const struct install_state *state, const struct root *root)
{
	struct stat held, named;

	return fstat(state->lock, &held) == 0 && root_lstat(root, STATE "/lock", &named) == 0 &&
	       held.st_ino == named.st_ino && held.st_dev == named.st_dev;
}

/* In the child; what it says while it waits goes to TALK. */
static void wait_for_lock(struct scene *scene, int talk)
{
	struct install_state state = INSTALL_STATE_INIT;
	bool is_good;

	(void)dup2(talk, STDERR_FILENO);
	is_good = install_state_open(&state, &scene->root, NULL) == 0 &&
		  install_state_lock(&state, run_clock_us() + LONG_US, NULL) == 0 &&
		  is_found_by_others(&state, &scene->root);
	_exit(is_good ? 0 : 1);
}

/* An installation that waits for an uninstallation to end. */
static void a_lock_of_what_is_gone_is_none(void **state)
{
	static const char *const gone[] = {"lock", ".spinup", "nix"};
	struct scene *scene = *state;

	needs_root();
	for (size_t i = 0; i < COUNT(gone); i++) {
		int talk[2], status;
		char said;
		pid_t child;

		open_state(scene);
		lock(scene);
		assert_int_equal(pipe2(talk, O_CLOEXEC), 0);
		child = fork();
		if (child == 0)
			wait_for_lock(scene, talk[1]);
		(void)close(talk[1]);
		assert_int_equal(read(talk[0], &said, 1), 1); /* it waits */
		assert_int_equal(tree_remove(i == 0   ? scene->state.directory.fd
					     : i == 1 ? scene->state.nix
						      : scene->root.fd,
					     gone[i], NULL),
				 0);
		install_state_close(&scene->state);
		assert_int_equal(waitpid(child, &status, 0), child);
		if (status != 0)
			fail_msg("%s was taken away, and its lock held", gone[i]);
		(void)close(talk[0]);
	}
}

static void what_others_put_there_is_not_believed(void **state)
{
	struct scene *scene = *state;

	needs_root();
	open_state(scene);
	assert_int_equal(install_journal_read(&scene->state), INSTALL_STAGE_NONE);
	machine_file(&scene->machine, INSTALL_JOURNAL, "daemon\n");
	assert_int_equal(install_journal_read(&scene->state), INSTALL_STAGE_DAEMON);
	give(scene, INSTALL_JOURNAL, RUNNER);
	assert_int_equal(install_journal_read(&scene->state), INSTALL_STAGE_STORE);

	machine_file(&scene->machine, STATE "/lock", "");
	give(scene, STATE "/lock", RUNNER);
	assert_int_equal(install_state_lock(&scene->state, 0, &scene->error), -1);
	assert_string_equal(scene->error.message,
			    "/nix/.spinup/lock belongs to user 1001: it was not made by root, and "
			    "is not used: remove it");
}

static void what_is_in_the_way_is_named_with_its_cure(void **state)
{
	struct scene *scene = *state;

	needs_root();
	open_state(scene);
	machine_file(&scene->machine, INSTALL_JOURNAL "/planted", "");
	assert_int_equal(install_journal_write(&scene->state, INSTALL_STAGE_STORE, &scene->error),
			 -1);
	assert_string_equal(scene->error.message,
			    "/nix/.spinup-installing is no file: Is a directory; it is none of "
			    "spinup's, remove it");
	assert_int_equal(install_journal_remove(&scene->state, &scene->error), -1);
	assert_non_null(strstr(scene->error.message, "remove it"));
	install_state_close(&scene->state);

	give(scene, STATE, RUNNER);
	assert_int_equal(install_state_open(&scene->state, &scene->root, &scene->error), -1);
	assert_string_equal(scene->error.message,
			    "/nix/.spinup belongs to user 1001 and this is user 0: it was not made "
			    "by root, and is not used: remove it");
}

/* ---- /nix itself */

static bool is_home_noted(struct scene *scene)
{
	struct manifest manifest;
	bool is_noted;

	assert_int_equal(manifest_read(&manifest, &scene->state.directory, &scene->error), 0);
	is_noted = manifest_has(&manifest, MANIFEST_DIRECTORY, INSTALL_HOME);
	manifest_release(&manifest);
	return is_noted;
}

static void nix_comes_with_its_note_and_goes(void **state)
{
	struct scene *scene = *state;
	struct stat status;

	needs_root();
	machine_file(&scene->machine, "/.nix.spinup/.spinup/manifest", ""); /* of a killed one */
	open_state(scene);
	assert_true(is_home_noted(scene));
	assert_false(is_there(scene, "/.nix.spinup"));
	assert_int_equal(root_lstat(&scene->root, "/nix", &status), 0);
	assert_int_equal(status.st_mode & 07777, 0755);
	lock(scene);
	machine_file(&scene->machine, "/nix/other", "");
	assert_false(install_home_remove(&scene->root, scene->state.nix));
	assert_true(is_there(scene, "/nix/other") && is_there(scene, STATE "/manifest"));
	assert_int_equal(unlinkat(scene->state.nix, "other", 0), 0);
	assert_true(install_home_remove(&scene->root, scene->state.nix));
	assert_false(is_there(scene, "/nix") || is_there(scene, "/.nix.spinup"));
}

static void a_nix_that_was_there_is_not_spinups(void **state)
{
	struct scene *scene = *state;

	needs_root();
	machine_directory(&scene->machine, "/nix");
	open_state(scene);
	assert_false(is_home_noted(scene));
	lock(scene);
	machine_file(&scene->machine, STATE "/staging/store/x", "");
	machine_file(&scene->machine, STATE "/manifest", "source x\n");
	assert_int_equal(install_state_remove(&scene->state, &scene->error), 0);
	assert_false(is_there(scene, STATE));
	assert_true(is_there(scene, "/nix"));
}

/* What lies in a leftover and is not spinup's stays, and blocks nothing. */
static void only_its_own_leftover_goes(void **state)
{
	struct scene *scene = *state;

	needs_root();
	machine_file(&scene->machine, "/.nix.spinup/precious", "");
	install_home_clear(&scene->root);
	assert_true(is_there(scene, "/.nix.spinup/precious"));
	open_state(scene);
	assert_false(is_home_noted(scene));
	assert_true(is_there(scene, "/.nix.spinup/precious"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_scene, remove_scene)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_lock_of_what_is_gone_is_none),
		TEST(what_others_put_there_is_not_believed),
		TEST(what_is_in_the_way_is_named_with_its_cure),
		TEST(nix_comes_with_its_note_and_goes),
		TEST(a_nix_that_was_there_is_not_spinups),
		TEST(only_its_own_leftover_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
