/* SPDX-License-Identifier: Zlib */
/* The environment in the forms that others read. */
#include <string.h>

#include "agent/env_print.h"
#include "agent/error.h"
#include "agent/strbuf.h"
#include "tests/unit/check.h"
#include "tests/unit/sample.h"

#define TEXT_MAX_BYTES (1u << 20)

static void each_format(void **state)
{
	static const struct {
		enum env_format format;
		bool is_json;
		const char *directory;
		const char *text;
	} rows[] = {
		{ENV_FORMAT_SH, false, NULL,
		 "export A=plain\nexport B='it'\\''s $x'\nexport C='one\ntwo'\nexport D=''\n"
		 "export PATH=/b:/a:\"$PATH\"\n"},
		{ENV_FORMAT_SH, false, "/dir",
		 "export A=plain\nexport B='it'\\''s $x'\nexport C='one\ntwo'\nexport D=''\n"
		 "export F=/dir/file\nexport PATH=/b:/a:\"$PATH\"\n"},
		{ENV_FORMAT_DOTENV, false, NULL, "A=plain\nD=\n"},
		{ENV_FORMAT_JSON, false, NULL,
		 "{\n  \"environment\": {\n    \"A\": \"plain\",\n    \"B\": \"it's $x\",\n"
		 "    \"C\": \"one\\ntwo\",\n    \"D\": \"\"\n  },\n"
		 "  \"path\": [\n    \"/b\",\n    \"/a\"\n  ]\n}\n"},
		{ENV_FORMAT_SH, true, NULL,
		 "{\n  \"environment\": {\n    \"A\": \"plain\",\n    \"B\": \"it's $x\",\n"
		 "    \"C\": \"one\\ntwo\",\n    \"D\": \"\"\n  },\n"
		 "  \"path\": [\n    \"/b\",\n    \"/a\"\n  ]\n}\n"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct strbuf out = STRBUF_INIT(TEXT_MAX_BYTES);
		struct error error = {0};
		struct sample sample;
		struct environment *environment = &sample.environment;

		sample_make(&sample);
		environment_release(environment);
		environment_set(environment, "A", "plain", "x");
		environment_set(environment, "B", "it's $x", "x");
		environment_set(environment, "C", "one\ntwo", "x");
		environment_set(environment, "D", "", "x");
		environment_add_file(environment, "F", "file", "content", false, "x");
		/* This command writes no report, so nothing may point at one. */
		environment_set(environment, "SPINUP_REPORT_PATH", "/x", "x");
		environment_add_path(environment, "/b");
		environment_add_path(environment, "/a");
		sample.options.env_format = rows[i].format;
		sample.options.is_json = rows[i].is_json;
		assert_int_equal(env_print(&sample.result, rows[i].directory, &out, &error), 0);
		assert_string_equal(out.data, rows[i].text);
		strbuf_release(&out);
		sample_release(&sample);
	}
}

static void the_block_for_github(void **state)
{
	struct strbuf out = STRBUF_INIT(TEXT_MAX_BYTES);
	struct error error = {0};
	struct sample sample;

	(void)state;
	sample_make(&sample);
	sample.options.env_format = ENV_FORMAT_GITHUB;
	assert_int_equal(env_print(&sample.result, NULL, &out, &error), 0);
	assert_non_null(strstr(out.data, "\nNIX_CONFIG<<spinup_"));
	assert_non_null(strstr(out.data, "\nOLD=\n"));
	assert_null(strstr(out.data, "PATH=/nix"));
	strbuf_release(&out);
	sample_release(&sample);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_format),
		cmocka_unit_test(the_block_for_github),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
