/* SPDX-License-Identifier: Zlib */
/* .gitignore as git reads it: patterns, their order, directories within directories. */
#include <stdlib.h>
#include <string.h>

#include "agent/ignore.h"
#include "agent/mem.h"
#include "tests/unit/check.h"

static const struct {
	const char *pattern, *text;
	bool fits;
} globs[] = {
	{"a", "a", true},
	{"a", "b", false},
	{"", "a", false},
	{"a", "", false},
	{"*", "anything", true},
	{"*", "a/b", false},
	{"*.o", "x.o", true},
	{"*.o", "x.oo", false},
	{"a*b*c", "axxbxxbc", true},
	{"a*b*c", "axxbxxb", false},
	{"?", "x", true},
	{"?", "", false},
	{"a?c", "a/c", false},
	{"[abc]", "b", true},
	{"[!abc]", "b", false},
	{"[^abc]", "d", true},
	{"[a-c]x", "bx", true},
	{"[a-c]x", "dx", false},
	{"[]a]", "]", true},
	{"[a-]", "-", true},
	{"[abc", "a", false},
	{"[\\]]", "]", true},
	{"\\*", "*", true},
	{"\\*", "x", false},
	{"a/b", "a/b", true},
	{"a/*", "a/b", true},
	{"a/*", "a/b/c", false},
	{"**", "a/b/c", true},
	{"**/a", "a", true},
	{"**/a", "x/y/a", true},
	{"**/a", "x/ya", false},
	{"a/**", "a/b/c", true},
	{"a/**", "a", false},
	{"a/**/b", "a/b", true},
	{"a/**/b", "a/x/y/b", true},
	{"a/**/b", "a/x/y/c", false},
	{"a/**/b/**/c", "a/b/x/b/y/c", true},
	{"**/a/**/b", "x/a/a/y/b", true},
	{"a**b", "axxb", true},
	{"a**b", "a/b", false},
};

static void patterns_fit(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(globs); i++)
		if (ignore_glob(globs[i].pattern, globs[i].text) != globs[i].fits)
			fail_msg("%s, %s", globs[i].pattern, globs[i].text);
}

/* A pattern of stars is no reason to try every split: without a bound this would not come back. */
static void stars_cost_little(void **state)
{
	char pattern[1025] = {0}, name[256] = {0}, path[4096] = {0};

	(void)state;
	for (size_t i = 0; i + 1 < sizeof(pattern); i += 2) {
		pattern[i] = '*';
		pattern[i + 1] = 'a';
	}
	memset(name, 'a', sizeof(name) - 1);
	assert_false(ignore_glob(pattern, name));
	for (size_t i = 0; i + 4 < sizeof(pattern); i += 5)
		memcpy(pattern + i, "**/a/", 5);
	pattern[1020] = '\0';
	for (size_t i = 0; i + 2 < sizeof(path); i += 2)
		memcpy(path + i, "a/", 2);
	path[sizeof(path) - 3] = 'b';
	assert_false(ignore_glob(pattern, path));
}

/* Rules of the top and, where INNER is not NULL, of the directory src/. */
static const struct {
	const char *top, *inner, *path;
	bool is_directory, is_ignored;
} paths[] = {
	{"", NULL, "a", false, false},
	{"a\n", NULL, "a", false, true},
	{"a", NULL, "a", false, true},
	{"a\r\n", NULL, "a", false, true},
	{"\xef\xbb\xbf"
	 "a\n",
	 NULL, "a", false, true},
	{"# a\na#\n", NULL, "a", false, false},
	{"\\#a\n", NULL, "#a", false, true},
	{"\\!a\n", NULL, "!a", false, true},
	{"a  \n", NULL, "a", false, true},
	{"a\\ \n", NULL, "a ", false, true},
	{"a\t\n", NULL, "a", false, false},
	{"a", NULL, "x/y/a", false, true},
	{"/a", NULL, "a", false, true},
	{"/a", NULL, "x/a", false, false},
	{"x/a", NULL, "x/a", false, true},
	{"x/a", NULL, "y/x/a", false, false},
	{"a/", NULL, "a", true, true},
	{"a/", NULL, "a", false, false},
	{"a/", NULL, "x/a", true, true},
	{"*.log\n!keep.log\n", NULL, "x/keep.log", false, false},
	{"!keep.log\n*.log\n", NULL, "x/keep.log", false, true},
	{"/\n!\n!/\n", NULL, "a", true, false},
	{"", "a", "src/a", false, true},
	{"", "/a", "src/a", false, true},
	{"", "/a", "src/x/a", false, false},
	{"", "x/a", "src/x/a", false, true},
	{"a", "!a", "src/a", false, false},
	{"!a", "a", "src/a", false, true},
	{"/src/a", NULL, "src/a", false, true},
};

static void the_last_and_the_nearest_rule_decides(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(paths); i++) {
		struct ignore top = {0};
		struct ignore inner = {.outer = &top, .skipped = strlen("src/")};

		ignore_parse(&top, paths[i].top);
		if (paths[i].inner)
			ignore_parse(&inner, paths[i].inner);
		if (ignore_matches(paths[i].inner ? &inner : &top, paths[i].path,
				   paths[i].is_directory) != paths[i].is_ignored)
			fail_msg("row %zu: %s", i, paths[i].path);
		ignore_release(&inner);
		ignore_release(&top);
	}
}

static void files_have_bounds(void **state)
{
	size_t length = (IGNORE_MAX_RULES + 10) * 2;
	char *text = mem_alloc(length + 1, 1);
	struct ignore ignore = {0};

	(void)state;
	for (size_t i = 0; i < length; i += 2)
		memcpy(text + i, "a\n", 2);
	ignore_parse(&ignore, text);
	assert_int_equal(ignore.count, IGNORE_MAX_RULES);
	ignore_release(&ignore);
	memset(text, 'a', length);
	ignore_parse(&ignore, text); /* one pattern, longer than any name */
	assert_int_equal(ignore.count, 0);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patterns_fit),
		cmocka_unit_test(stars_cost_little),
		cmocka_unit_test(the_last_and_the_nearest_rule_decides),
		cmocka_unit_test(files_have_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
