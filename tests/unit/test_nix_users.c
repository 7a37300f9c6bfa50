/* SPDX-License-Identifier: Zlib */
/* The user's groups, as a daemon of Nix tells them that has to decide whom it trusts. */
#include "agent/cleanup.h"
#include "agent/context.h"
#include "agent/root.h"
#include "probes/nix.h"
#include "tests/unit/check.h"
#include "tests/unit/machine.h"

static const struct {
	const char *name, *group_file;
	gid_t primary, other;
	const char *expected;
} rows[] = {
	{"the primary group", "ci:x:1001:\nbuilders:x:777:\n", 1001, 1001, "ci"},
	{"one that lists the name", "ci:x:1001:\nbuilders:x:777:root,runner\n", 1001, 1001,
	 "ci,builders"},
	{"a name that begins so", "ci:x:1001:\nbuilders:x:777:runner2\n", 1001, 1001, "ci"},
	/* a pod's supplementalGroups: the peer's credentials do not carry them */
	{"the process's others", "ci:x:1001:\nbuilders:x:777:\n", 1001, 777, "ci"},
	{"a group without a name", "builders:x:777:\n", 4242, 4242, "4242"},
	{"no file", NULL, 1001, 1001, "1001"},
};

static void check_groups(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		static char user[] = "runner";
		gid_t groups[] = {rows[i].other};
		struct context context = {
			.user_name = user,
			.gid = rows[i].primary,
			.groups = groups,
			.group_count = 1,
		};
		CLEANUP(nix_evidence_release) struct nix_evidence evidence = {0};
		CLEANUP_FREE char *joined = NULL;
		struct machine machine;

		machine_make(&machine);
		if (rows[i].group_file)
			machine_file(&machine, "/etc/group", rows[i].group_file);
		assert_int_equal(root_open_directory(&context.root, machine.directory, NULL), 0);
		nix_collect_users(&evidence, &context);
		joined = words_join(&evidence.groups, ',');
		assert_string_equal(joined, rows[i].expected);
		root_close(&context.root);
		machine_remove(&machine);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(check_groups),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
