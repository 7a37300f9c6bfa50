/* SPDX-License-Identifier: Zlib */
/* The receipt of Determinate's installer: complete, partial, or none of a receipt. */
#include <string.h>
#include <sys/stat.h>

#include "agent/nix_receipt.h"
#include "agent/root.h"
#include "tests/unit/check.h"
#include "tests/unit/machine.h"

#define ACTION(state) "{\"action\":{\"action_name\":\"create_directory\"},\"state\":\"" state "\"}"

static const struct {
	const char *text; /* NULL: no file */
	enum nix_receipt expected;
} rows[] = {
	{NULL, NIX_RECEIPT_NONE},
	{"{\"version\":\"3.22.1\",\"actions\":[" ACTION("Completed") "," ACTION("Completed") "]}",
	 NIX_RECEIPT_COMPLETE},
	{"{\"actions\":[" ACTION("Completed") "," ACTION("Skipped") "]}", NIX_RECEIPT_COMPLETE},
	{"{\"actions\":[" ACTION("Completed") "," ACTION("Progress") "]}", NIX_RECEIPT_PARTIAL},
	{"{\"actions\":[" ACTION("Uncompleted") "]}", NIX_RECEIPT_PARTIAL},
	{"{\"actions\":[{\"state\":7}]}", NIX_RECEIPT_PARTIAL},
	{"{\"actions\":[7]}", NIX_RECEIPT_PARTIAL},
	{"{\"actions\":{\"a\":" ACTION("Completed") "}}", NIX_RECEIPT_PARTIAL},
	{"{\"actions\":[]}", NIX_RECEIPT_PARTIAL},
	{"{}", NIX_RECEIPT_PARTIAL},
	{"[]", NIX_RECEIPT_PARTIAL},
	{"", NIX_RECEIPT_PARTIAL},
	{"{\"actions\":[" ACTION("Completed"), NIX_RECEIPT_PARTIAL},
};

static void is_read_by_its_states(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct machine machine;
		struct root root;

		machine_make(&machine);
		if (rows[i].text)
			machine_file(&machine, NIX_RECEIPT, rows[i].text);
		assert_int_equal(root_open_directory(&root, machine.directory, NULL), 0);
		if (nix_receipt_read(&root) != rows[i].expected)
			fail_msg("%s", rows[i].text);
		root_close(&root);
		machine_remove(&machine);
	}
}

static void a_directory_is_no_receipt(void **state)
{
	struct machine machine;
	struct root root;

	(void)state;
	machine_make(&machine);
	machine_directory(&machine, NIX_RECEIPT);
	assert_int_equal(root_open_directory(&root, machine.directory, NULL), 0);
	assert_int_equal(nix_receipt_read(&root), NIX_RECEIPT_UNREADABLE);
	root_close(&root);
	machine_remove(&machine);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_read_by_its_states),
		cmocka_unit_test(a_directory_is_no_receipt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
