/* SPDX-License-Identifier: Zlib */
/* Build users and what the manifest says of them: before they are made, and whether any was. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/accounts_lock.h"
#include "agent/context.h"
#include "agent/error.h"
#include "agent/install.h"
#include "agent/install_builders.h"
#include "agent/root.h"
#include "agent/strbuf.h"
#include "tests/unit/check.h"
#include "tests/unit/machine.h"

#define PASSWD "root:x:0:0:root:/root:/bin/sh\n"
#define GROUP "root:x:0:\n"

struct scene {
	struct machine machine;
	struct context context;
	struct installation installation;
	struct error error;
};

static int make_scene(void **state)
{
	static struct scene scene;

	scene = (struct scene){.installation = {.context = &scene.context,
						.state = INSTALL_STATE_INIT,
						.staging = -1}};
	machine_make(&scene.machine);
	machine_file(&scene.machine, "/etc/passwd", PASSWD);
	machine_file(&scene.machine, "/etc/group", GROUP);
	assert_int_equal(root_open_directory(&scene.context.root, scene.machine.directory, NULL),
			 0);
	if (geteuid() == 0 &&
	    (install_state_open(&scene.installation.state, &scene.context.root, &scene.error) < 0 ||
	     manifest_read(&scene.installation.manifest, &scene.installation.state.directory,
			   &scene.error) < 0))
		fail_msg("%s", scene.error.message);
	*state = &scene;
	return 0;
}

static int remove_scene(void **state)
{
	struct scene *scene = *state;

	manifest_release(&scene->installation.manifest);
	install_state_close(&scene->installation.state);
	root_close(&scene->context.root);
	machine_remove(&scene->machine);
	return 0;
}

static void needs_root(void)
{
	if (geteuid() != 0)
		skip();
}

static void expect(struct scene *scene, const char *path, const char *content)
{
	struct strbuf text = STRBUF_INIT(1u << 16);

	assert_int_equal(root_read(&scene->context.root, path, &text), 0);
	assert_string_equal(text.data, content);
	strbuf_release(&text);
}

/* How many lines the manifest on the disk has. */
static size_t count_lines(const struct scene *scene)
{
	struct manifest manifest;
	size_t count;

	assert_int_equal(manifest_read(&manifest, &scene->installation.state.directory, NULL), 0);
	count = manifest.lines.count;
	manifest_release(&manifest);
	return count;
}

static void it_says_whether_any_was_made(void **state)
{
	struct scene *scene = *state;
	gid_t group = 0;

	needs_root();
	assert_int_equal(install_builders(&scene->installation, &group, &scene->error), 1);
	assert_int_equal(group, 30000);
	assert_int_equal(install_builders(&scene->installation, &group, &scene->error), 0);
	assert_int_equal(group, 30000);
	assert_int_equal(install_builders_undo(&scene->installation, &scene->error), 0);
	expect(scene, "/etc/passwd", PASSWD);
	expect(scene, "/etc/group", GROUP);
}

/* A group that the administrator has configured, and that has its builders. */
static void another_group_that_is_whole_is_left_alone(void **state)
{
	struct scene *scene = *state;
	size_t lines;
	gid_t group = 0;

	needs_root();
	machine_file(&scene->machine, "/etc/nix/nix.conf", "build-users-group = builders\n");
	machine_file(&scene->machine, "/etc/group", GROUP "builders:x:77:root\n");
	lines = count_lines(scene);
	assert_int_equal(install_builders(&scene->installation, &group, &scene->error), 0);
	assert_int_equal(group, 77);
	assert_int_equal(count_lines(scene), lines);
}

/* /etc/group is too large to be written anew: what was to be made is in the manifest by then. */
static void the_plan_is_kept_before_anything_is_made(void **state)
{
	struct strbuf group = STRBUF_INIT(1u << 16);
	struct scene *scene = *state;
	struct rlimit limit, low;
	size_t lines;
	gid_t number;
	int result;

	needs_root();
	for (int i = 0; i < 1000; i++)
		strbuf_printf(&group, "g%d:x:%d:\n", i, 1000 + i);
	machine_file(&scene->machine, "/etc/group", group.data);
	lines = count_lines(scene);
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	low = limit;
	low.rlim_cur = 8192;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
	result = install_builders(&scene->installation, &number, &scene->error);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	(void)signal(SIGXFSZ, SIG_DFL);
	assert_int_equal(result, -1);
	assert_int_equal(count_lines(scene), lines + 2 + 64); /* the group; users, members */
	assert_int_equal(install_builders_undo(&scene->installation, &scene->error), 0);
	expect(scene, "/etc/group", group.data);
	strbuf_release(&group);
}

/* The manifest of an installation that was killed before it made any of them; no right is needed then. */
static void what_was_planned_only_stops_no_removal(void **state)
{
	struct scene *scene = *state;
	gid_t group;

	needs_root();
	assert_int_equal(install_builders(&scene->installation, &group, &scene->error), 1);
	machine_file(&scene->machine, "/etc/passwd", PASSWD);
	machine_file(&scene->machine, "/etc/group", GROUP);
	machine_file(&scene->machine, "/etc/.passwd.spinup", "root's"); /* and a part of one */
	assert_int_equal(unlinkat(scene->context.root.fd, &ACCOUNTS_LOCK_PATH[1], 0), 0);
	machine_link(&scene->machine, ACCOUNTS_LOCK_PATH, "../run/lock");
	if (install_builders_undo(&scene->installation, &scene->error) < 0)
		fail_msg("%s", scene->error.message);
	expect(scene, "/etc/passwd", PASSWD);
	assert_int_equal(faccessat(scene->context.root.fd, "etc/.passwd.spinup", F_OK, 0), -1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_scene, remove_scene)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(it_says_whether_any_was_made),
		TEST(another_group_that_is_whole_is_left_alone),
		TEST(the_plan_is_kept_before_anything_is_made),
		TEST(what_was_planned_only_stops_no_removal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
