/* SPDX-License-Identifier: Zlib */
/* Versions and ranges of versions. */
#include <string.h>

#include "agent/expect.h"
#include "tests/unit/check.h"

static const struct {
	const char *version;
	const char *range;
	int verdict;
} rows[] = {
	/* operators */
	{"2.28.3", ">=2.28", 1},
	{"2.28", ">=2.28.0", 1},
	{"2.27.9", ">=2.28", 0},
	{"2.28.0", ">2.28", 0},
	{"2.28.1", ">2.28", 1},
	{"2.28.0", "<=2.28", 1},
	{"2.28.1", "<=2.28", 0},
	{"3.0", "<3", 0},
	{"2.99.99", "<3", 1},
	{"2.31.0", "=2.31", 1},
	{"2.31.0", "==2.31", 1},
	{"2.31.1", "=2.31", 0},
	{"2.31.1", "!=2.31.0", 1},
	{"2.31.0", "!=2.31.0", 0},
	{"10.0", ">9", 1}, /* numbers, not text */
	{"2.4", ">=2.28", 0},
	/* and, or */
	{"2.28.3", ">=2.28 <3", 1},
	{"3.1", ">=2.28 <3", 0},
	{"2.26.3", ">=2.28 <3", 0},
	{"2.28.3", "  >= 2.28   <3  ", 1},
	{"2.28.3", ">=2.28<3", 1},
	{"7.4.1", "7.4.1 || 8", 1},
	{"8.2.0", "7.4.1 || 8", 1},
	{"9.0.0", "7.4.1 || 8", 0},
	{"6.1", ">=5 <6||>=6.1", 1},
	{"6.0", ">=5 <6||>=6.1", 0},
	/* prefixes */
	{"2.31.4", "2.31", 1},
	{"2.31", "2.31", 1},
	{"2.3.1", "2.31", 0},
	{"2.310.1", "2.31", 0},
	{"2.31", "2.31.0", 1},
	{"2.31", "2.31.1", 0},
	{"8", "8", 1},
	/* suffixes: a pre-release sorts before, a build is nothing */
	{"8.0.0rc1", ">=8", 0},
	{"8.0.0rc1", "<8", 1},
	{"8.0.0rc1", ">=8.0.0rc1", 1},
	{"8.0.0rc10", ">8.0.0rc9", 1},
	{"8.0.0rc1", "8.0.0", 0},
	{"8.0.0rc1", "8.0", 1},
	{"8.0.0rc1", "8.0.0rc1", 1},
	{"8.0.0rc2", "8.0.0rc1", 0},
	{"2.31.0pre20250712_abcdef", ">=2.30", 1},
	{"2.31.0pre20250712_abcdef", ">=2.31", 0},
	{"24.0.7-ce", "<24.0.7", 1},
	{"2.26.3+dfsg", "=2.26.3", 1},
	{"2.26.3+dfsg-1", ">=2.26.3 <2.27", 1},
	{"2.26.3rc1+dfsg", "<2.26.3", 1},
	/* what cannot be read */
	{"2.28", "", -1},
	{"2.28", "   ", -1},
	{"2.28", "^2.28", -1},
	{"2.28", "~2.28", -1},
	{"2.28", "2.x", -1},
	{"2.28", "2.*", -1},
	{"2.28", "2.", -1},
	{"2.28", "*", -1},
	{"2.28", ">=", -1},
	{"2.28", ">= <3", -1},
	{"2.28", "=>2", -1},
	{"2.28", "2 ||", -1},
	{"2.28", "|| 2", -1},
	{"2.28", "2 | 3", -1},
	{"2.28", "2 ||| 3", -1},
	{"2.28", "2, 3", -1},
	{"2.28", "latest", -1},
	{"2.28", "v2", -1},
	{"2.28", "1.1.1.1.1.1.1.1.1", -1},
	{"2.28", "12345678901", -1},
	{"2.28", "2\n3", -1},
	{"2.28", "2\033[31m", -1},
	{"latest", "2", -1},
	{"", "2", -1},
	{"-1", "2", -1},
	{"2.28 ", "2", -1},
	{"99999999999999999999999999", "2", -1},
};

static void ranges_hold(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		if (version_in_range(rows[i].version, rows[i].range) != rows[i].verdict)
			fail_msg("\"%s\" in \"%s\" is not %d", rows[i].version, rows[i].range,
				 rows[i].verdict);
}

static void long_texts_are_refused(void **state)
{
	static char text[20000];

	(void)state;
	memset(text, '1', sizeof(text) - 1);
	assert_int_equal(version_in_range(text, "1"), -1);
	assert_int_equal(version_in_range("1", text), -1);
	memset(text, ' ', sizeof(text) - 1);
	assert_int_equal(version_in_range("1", text), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges_hold),
		cmocka_unit_test(long_texts_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
