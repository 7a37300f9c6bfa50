/* SPDX-License-Identifier: Zlib */
/* Symlinks to Nix: when they are wanted, where they lead, and what they never replace. */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/environment.h"
#include "agent/error.h"
#include "agent/fact_names.h"
#include "agent/facts.h"
#include "agent/finding.h"
#include "agent/job.h"
#include "agent/nix_links.h"
#include "tests/unit/check.h"
#include "tests/unit/machine.h"

#define PROFILE "/nix/var/nix/profiles/default/bin"
#define USUAL "PATH=/usr/local/bin:/usr/bin"

struct scene {
	struct machine machine;
	struct root root;
};

static int make_scene(void **state)
{
	static struct scene scene;

	machine_make(&scene.machine);
	machine_file(&scene.machine, PROFILE "/nix", "");
	machine_mode(&scene.machine, PROFILE "/nix", 0755);
	machine_file(&scene.machine, PROFILE "/nix-store", "");
	machine_mode(&scene.machine, PROFILE "/nix-store", 0755);
	machine_file(&scene.machine, PROFILE "/nix-shell", "no program");
	machine_directory(&scene.machine, "/usr/local/bin");
	assert_int_equal(root_open_directory(&scene.root, scene.machine.directory, NULL), 0);
	*state = &scene;
	return 0;
}

static int remove_scene(void **state)
{
	struct scene *scene = *state;

	root_close(&scene->root);
	machine_remove(&scene->machine);
	return 0;
}

struct wish {
	enum surface surface;
	const char *bin;
	const char *path; /* the variable */
	bool is_kube_container_mode;
	bool is_wanted;
	const char *why; /* in the finding's detail; NULL: no finding */
};

static void assert_wish(const struct scene *scene, const struct wish *wish)
{
	char path[512];
	char *variables[] = {path, NULL};
	struct environment environment = {0};
	struct findings findings = {0};
	struct facts facts = {0};
	struct job job = {.context = {.root = scene->root,
				      .surface = wish->surface,
				      .environment = variables,
				      .is_kube_container_mode = wish->is_kube_container_mode}};
	const struct finding *found;

	(void)snprintf(path, sizeof(path), "%s", wish->path);
	if (wish->bin)
		facts_set_text(&facts, FACT_NIX_PROFILE_BIN, FACT_STRING, wish->bin);
	nix_links_compose(&environment, &job, &facts, &findings);
	facts_release(&facts);
	found = findings_find(&findings, FINDING_NIX_NOT_LINKED);
	assert_int_equal(environment.linked_bin != NULL, wish->is_wanted);
	assert_int_equal(found != NULL, wish->why != NULL);
	assert_int_equal(findings.count, wish->why ? 1 : 0);
	if (wish->why)
		assert_non_null(strstr(found->detail, wish->why));
	if (wish->is_wanted)
		assert_string_equal(environment.linked_bin, wish->bin);
	environment_release(&environment);
	findings_release(&findings);
}

static void when_links_are_wanted(void **state)
{
	static const struct wish wishes[] = {
		{SURFACE_HOOK, PROFILE, USUAL, false, true, NULL},
		{SURFACE_STEP, PROFILE, USUAL, false, false, NULL},
		{SURFACE_LOCAL, PROFILE, USUAL, false, false, NULL},
		{SURFACE_HOOK, PROFILE, USUAL, true, false,
		 NULL}, /* the steps are in another pod */
		{SURFACE_HOOK, NULL, USUAL, false, false, NULL},
		{SURFACE_HOOK, PROFILE, USUAL ":" PROFILE, false, false, NULL},
		{SURFACE_HOOK, PROFILE, "PATH=/usr/bin", false, false, "not on PATH"},
		{SURFACE_HOOK, PROFILE, "PATH=", false, false, "not on PATH"},
		{SURFACE_HOOK, PROFILE, "PATH=usr/local/bin", false, false, "not on PATH"},
		/* what no probe says */
		{SURFACE_HOOK, "nix/bin", USUAL, false, false, NULL},
		{SURFACE_HOOK, "/nix\n/bin", USUAL, false, false, NULL},
		{SURFACE_HOOK, "/nix\r/bin", USUAL, false, false, NULL},
		{SURFACE_HOOK, "/nix:/bin", USUAL, false, false, NULL},
	};

	for (size_t i = 0; i < COUNT(wishes); i++)
		assert_wish(*state, &wishes[i]);
}

static void what_is_there_decides(void **state)
{
	const struct scene *scene = *state;
	struct wish wish = {SURFACE_HOOK, PROFILE, USUAL, false, true, NULL};

	machine_link(&scene->machine, "/usr/local/bin/nix", "/nix/store/gone/bin/nix");
	assert_wish(scene, &wish);
	machine_link(&scene->machine, "/usr/bin/nix", PROFILE "/nix"); /* PATH finds that one */
	wish.is_wanted = false;
	assert_wish(scene, &wish);
}

static void others_have_the_name(void **state)
{
	const struct scene *scene = *state;
	const struct wish wish = {SURFACE_HOOK, PROFILE, USUAL, false, false, "no link into /nix"};

	machine_file(&scene->machine, "/usr/local/bin/nix", "no program");
	assert_wish(scene, &wish);
}

static void no_directory(void **state)
{
	const struct wish wish = {SURFACE_HOOK, PROFILE, USUAL, false, false, "there is no"};
	const struct scene *scene = *state;
	char path[512];

	(void)snprintf(path, sizeof(path), "%s/usr/local/bin", scene->machine.directory);
	assert_int_equal(rmdir(path), 0);
	assert_wish(scene, &wish);
	assert_int_equal(nix_links_make(&scene->root, PROFILE, NULL), -1);
}

static void assert_link(const struct scene *scene, const char *name, const char *target)
{
	char path[64], found[PATH_MAX];

	(void)snprintf(path, sizeof(path), "/usr/local/bin/%s", name);
	if (root_readlink(&scene->root, path, found, sizeof(found)) < 0)
		found[0] = '\0';
	assert_string_equal(found, target);
}

static void links_are_made(void **state)
{
	const struct scene *scene = *state;
	struct error error = {0};

	machine_link(&scene->machine, "/usr/local/bin/nix-store", "/nix/store/old/bin/nix-store");
	for (int run = 0; run < 2; run++) { /* twice is once */
		assert_int_equal(nix_links_make(&scene->root, PROFILE, &error), 0);
		assert_link(scene, "nix", PROFILE "/nix");
		assert_link(scene, "nix-store", PROFILE "/nix-store");
		assert_link(scene, "nix-shell", ""); /* not executable */
		assert_link(scene, "nix-env", "");   /* not in this profile */
	}
}

static void what_others_put_there_stays(void **state)
{
	const struct scene *scene = *state;
	struct error error = {0};
	struct stat status;

	machine_link(&scene->machine, "/usr/local/bin/nix", "/nixos/wrapper");
	machine_directory(&scene->machine, "/usr/local/bin/nix-store");
	assert_int_equal(nix_links_make(&scene->root, PROFILE, &error), 0);
	assert_link(scene, "nix", "/nixos/wrapper");
	assert_int_equal(root_stat(&scene->root, "/usr/local/bin/nix-store", &status), 0);
	assert_true(S_ISDIR(status.st_mode));
}

#define IN_SCENE(test) cmocka_unit_test_setup_teardown(test, make_scene, remove_scene)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_SCENE(when_links_are_wanted), IN_SCENE(what_is_there_decides),
		IN_SCENE(others_have_the_name),  IN_SCENE(no_directory),
		IN_SCENE(links_are_made),        IN_SCENE(what_others_put_there_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
