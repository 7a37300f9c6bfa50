/* SPDX-License-Identifier: Zlib */
/* What root alone can change, and what somebody else could. Needs root, to own things. */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/root.h"
#include "agent/root_owned.h"
#include "agent/strbuf.h"
#include "tests/unit/check.h"
#include "tests/unit/machine.h"

#define RUNNER 1001u

static void give(const struct machine *machine, const char *path, uid_t owner, mode_t mode)
{
	char whole[PATH_MAX];

	(void)snprintf(whole, sizeof(whole), "%s%s", machine->directory, path);
	assert_int_equal(lchown(whole, owner, 0), 0);
	assert_int_equal(chmod(whole, mode), 0);
}

/* PATH is changed so, and then the file is asked about. */
static const struct {
	const char *path;
	uid_t owner;
	mode_t mode;
	bool is_owned;
} rows[] = {
	{"/opt/bin/spinup", 0, 0755, true},
	{"/opt/bin/spinup", 0, 0775, false},
	{"/opt/bin/spinup", 0, 0757, false},
	{"/opt/bin/spinup", RUNNER, 0755, false},
	{"/opt/bin", RUNNER, 0755, false},
	{"/opt/bin", 0, 0777, false},
	{"/opt/bin", 0, 0775, false},
	{"/opt/bin", 0, 01775, true}, /* as /nix/store is */
	{"/opt/bin", 0, 01777, false},
	{"/opt", RUNNER, 0755, false},
	{"/opt", 0, 0700, true},
};

static void each_step_counts(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct machine machine;
		struct root root;

		machine_make(&machine);
		machine_file(&machine, "/opt/bin/spinup", "");
		give(&machine, "/opt/bin/spinup", 0, 0755);
		give(&machine, "/opt", 0, 0755);
		give(&machine, "/opt/bin", 0, 0755);
		give(&machine, rows[i].path, rows[i].owner, rows[i].mode);
		assert_int_equal(root_open_directory(&root, machine.directory, NULL), 0);
		if (root_owned_file(&root, "/opt/bin/spinup", NULL) != rows[i].is_owned)
			fail_msg("%s %u %04o", rows[i].path, rows[i].owner, rows[i].mode);
		root_close(&root);
		machine_remove(&machine);
	}
}

/* Through a link of somebody's the file is still root's: what is used is the path without links. */
static void links_are_followed_first(void **state)
{
	struct strbuf path = STRBUF_INIT(PATH_MAX);
	struct machine machine;
	struct root root;

	(void)state;
	if (geteuid() != 0)
		skip();
	machine_make(&machine);
	machine_file(&machine, "/opt/contract.json", "");
	machine_link(&machine, "/home/link", "/opt/contract.json");
	give(&machine, "/home", RUNNER, 0755);
	assert_int_equal(root_open_directory(&root, machine.directory, NULL), 0);
	assert_true(root_owned_file(&root, "/home/link", &path));
	assert_string_equal(path.data, "/opt/contract.json");
	assert_false(root_owned_file(&root, "/home", NULL));
	assert_false(root_owned_file(&root, "/missing", NULL));
	strbuf_release(&path);
	root_close(&root);
	machine_remove(&machine);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_step_counts),
		cmocka_unit_test(links_are_followed_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
