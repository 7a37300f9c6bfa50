/* SPDX-License-Identifier: Zlib */
/* Blocks for the runner's command files, and workflow commands. */
#include <stdlib.h>
#include <string.h>

#include "agent/cleanup.h"
#include "agent/error.h"
#include "agent/github.h"
#include "agent/strbuf.h"
#include "tests/unit/check.h"

static void names_that_a_step_keeps(void **state)
{
	static const struct {
		const char *name;
		bool is_allowed;
	} rows[] = {
		{"NIX_CONFIG", true},  {"_x1", true},           {"CIX", true},
		{"", false},           {"1A", false},           {"A-B", false},
		{"A B", false},        {"A=B", false},          {"A'", false},
		{"CI", false},         {"NODE_OPTIONS", false}, {"node_options", false},
		{"GITHUB_ENV", false}, {"GITHUB_FOO", false},   {"RUNNER_TEMP", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		if (github_env_name_is_allowed(rows[i].name) != rows[i].is_allowed)
			fail_msg("%s", rows[i].name);
}

static void single_lines_are_plain_pairs(void **state)
{
	struct strbuf block = STRBUF_INIT(GITHUB_MAX_BLOCK_BYTES);
	struct error error = {0};

	(void)state;
	assert_int_equal(github_block_add(&block, "A", "b<<EOF=1", &error), 0);
	assert_int_equal(github_block_add(&block, "EMPTY", "", &error), 0);
	assert_int_equal(github_output_add(&block, "nix-version", "2.31", &error), 0);
	assert_string_equal(block.data, "A=b<<EOF=1\nEMPTY=\nnix-version=2.31\n");
	strbuf_release(&block);
}

static void several_lines_have_a_fresh_delimiter(void **state)
{
	struct strbuf one = STRBUF_INIT(GITHUB_MAX_BLOCK_BYTES);
	struct strbuf two = STRBUF_INIT(GITHUB_MAX_BLOCK_BYTES);
	struct error error = {0};
	unsigned int line;
	size_t delimiter;

	(void)state;
	assert_int_equal(github_block_add(&one, "A", "x\n\ny\n", &error), 0);
	assert_int_equal(github_block_add(&two, "A", "x\n\ny\n", &error), 0);
	assert_string_not_equal(one.data, two.data);
	assert_true(github_file_is_whole(one.data, one.length, &line));
	delimiter = strcspn(one.data, "\n") - 3;
	assert_int_equal(delimiter, strlen("spinup_") + 32);
	assert_int_equal(strncmp(one.data + 3 + delimiter, "\nx\n\ny\n\nspinup_", 14), 0);
	assert_int_equal(one.length, 3 + 2 * delimiter + strlen("\nx\n\ny\n\n\n"));
	strbuf_release(&one);
	strbuf_release(&two);
}

static void values_that_are_refused(void **state)
{
	static const char *const values[] = {"a\rb", "a\r\n", "\na"};
	struct strbuf block = STRBUF_INIT(GITHUB_MAX_BLOCK_BYTES);
	char *large = malloc(GITHUB_MAX_VALUE_BYTES + 2);
	struct error error = {0};

	(void)state;
	memset(large, 'x', GITHUB_MAX_VALUE_BYTES + 1);
	large[GITHUB_MAX_VALUE_BYTES + 1] = '\0';
	for (size_t i = 0; i < COUNT(values); i++) {
		assert_non_null(github_value_problem(values[i]));
		assert_int_equal(github_block_add(&block, "A", values[i], &error), -1);
	}
	assert_int_equal(github_block_add(&block, "A", large, &error), -1);
	assert_int_equal(github_block_add(&block, "GITHUB_X", "1", &error), -1);
	assert_int_equal(github_output_add(&block, "a.b", "1", &error), -1);
	assert_int_equal(block.length, 0);
	/* Together they must stay below what a process can be started with. */
	large[GITHUB_MAX_VALUE_BYTES] = '\0';
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(github_block_add(&block, "A", large, &error), 0);
	assert_int_equal(github_block_add(&block, "A", large, &error), -1);
	assert_non_null(strstr(error.message, "128 KiB"));
	free(large);
	strbuf_release(&block);
}

/* ---- workflow commands */

static void annotations_are_escaped(void **state)
{
	struct strbuf out = STRBUF_INIT(16384);
	char *large = malloc(8001);

	(void)state;
	github_annotation(&out, "error", "a:b,c%", "50%\r\nx: y, ::z");
	assert_string_equal(out.data, "::error title=a%3Ab%2Cc%25::50%25%0D%0Ax: y, ::z\n");
	strbuf_clear(&out);
	/* Two bytes a character: the cut must not leave half of one. */
	for (size_t i = 0; i < 8000; i += 2)
		memcpy(large + i, "ä", 2);
	large[8000] = '\0';
	large[0] = 'x';
	large[1] = 'x';
	large[2] = 'x';
	memmove(large + 3, large + 4, 7997);
	github_annotation(&out, "warning", "", large);
	assert_int_equal(out.length, strlen("::warning::") + 3999 + 1);
	free(large);
	strbuf_release(&out);
}

/* A file's name is a property: it can neither end it nor begin another. */
static void annotations_name_places(void **state)
{
	static const struct {
		struct github_place place;
		const char *title, *line;
	} rows[] = {
		{{"a.yml", 3, 14}, "t", "::error file=a.yml,line=3,col=14,title=t::x\n"},
		{{"a.yml", 3, 0}, NULL, "::error file=a.yml,line=3::x\n"},
		{{"a::b,line=1 %\n", 1, 2},
		 "",
		 "::error file=a%3A%3Ab%2Cline=1 %25%0A,line=1,col=2::x\n"},
		{{NULL, 0, 0}, NULL, "::error::x\n"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		CLEANUP_STRBUF struct strbuf out = STRBUF_INIT(256);

		github_file_annotation(&out, "error", &rows[i].place, rows[i].title, "x");
		assert_string_equal(out.data, rows[i].line);
	}
}

static void masks(void **state)
{
	static const struct {
		const char *secret, *lines;
		bool can_mask;
	} rows[] = {
		{"hunter22", "::add-mask::hunter22\n", true},
		{"100%25", "::add-mask::100%2525\n", true},
		{"line1\r\nline2\n", "::add-mask::line1\n::add-mask::line2\n", true},
		{"abc", "", false},
		{"   ", "", false},
		{"", "", false},
		{"long enough\nno", "::add-mask::long enough\n", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct strbuf out = STRBUF_INIT(4096);

		github_mask(&out, rows[i].secret);
		assert_string_equal(out.data, rows[i].lines);
		assert_int_equal(github_can_mask(rows[i].secret), rows[i].can_mask);
		strbuf_release(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_that_a_step_keeps),
		cmocka_unit_test(single_lines_are_plain_pairs),
		cmocka_unit_test(several_lines_have_a_fresh_delimiter),
		cmocka_unit_test(values_that_are_refused),
		cmocka_unit_test(annotations_are_escaped),
		cmocka_unit_test(annotations_name_places),
		cmocka_unit_test(masks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
