/* SPDX-License-Identifier: Zlib */
/* Control groups: whole fake machines in fixtures/cgroup, each with what is expected beside it. */
#include <dirent.h>
#include <inttypes.h>
#include <string.h>

#include "agent/cgroup.h"
#include "agent/cleanup.h"
#include "agent/root.h"
#include "agent/strbuf.h"
#include "tests/unit/check.h"

#define FIXTURES "fixtures/cgroup"
#define LEAST_CASES 20u

static void check_case(const char *name)
{
	CLEANUP_STRBUF struct strbuf path = STRBUF_INIT(512);
	CLEANUP_STRBUF struct strbuf found = STRBUF_INIT(512);
	CLEANUP_STRBUF struct strbuf expected = STRBUF_INIT(512);
	struct cgroup_limits limits = {0};
	struct root root;

	strbuf_printf(&path, FIXTURES "/%s", name);
	assert_int_equal(root_open_directory(&root, path.data, NULL), 0);
	assert_int_equal(root_read(&root, "/expected", &expected), 0);
	root_close(&root);
	strbuf_puts(&path, "/root");
	assert_int_equal(root_open_directory(&root, path.data, NULL), 0);
	cgroup_read(&limits, &root);
	root_close(&root);
	strbuf_printf(&found, "version %u\nmemory_bytes %" PRId64 "\ncpu_millis %" PRId64 "\n",
		      limits.version, limits.memory_bytes, limits.cpu_millis);
	if (strcmp(found.data, expected.data) != 0)
		print_error("%s:\n", name);
	assert_string_equal(found.data, expected.data);
}

static void every_fixture(void **state)
{
	DIR *directory = opendir(FIXTURES);
	const struct dirent *entry;
	unsigned int count = 0;

	(void)state;
	assert_non_null(directory);
	while ((entry = readdir(directory))) {
		if (entry->d_name[0] == '.')
			continue;
		check_case(entry->d_name);
		count++;
	}
	closedir(directory);
	assert_true(count >= LEAST_CASES);
}

/* The machine that runs the test has whatever limits it has; reading them is bounded and sane. */
static void this_machine(void **state)
{
	struct cgroup_limits limits = {0};
	struct root root;

	(void)state;
	assert_int_equal(root_open_directory(&root, NULL, NULL), 0);
	cgroup_read(&limits, &root);
	root_close(&root);
	assert_true(limits.version <= 2);
	assert_true(limits.memory_bytes >= -1 && limits.cpu_millis >= -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_fixture),
		cmocka_unit_test(this_machine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
