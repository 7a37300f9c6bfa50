/* SPDX-License-Identifier: Zlib */
/* What an Attic server says: its configuration and its errors. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/attic_config.h"
#include "agent/cleanup.h"
#include "agent/error.h"
#include "agent/mem.h"
#include "agent/strbuf.h"
#include "tests/unit/check.h"
#include "tests/unit/fixture.h"

static const char *const kind_names[] = {
	[ATTIC_ANSWER_NOT_JSON] = "not-json",
	[ATTIC_ANSWER_OTHER_JSON] = "other",
	[ATTIC_ANSWER_ATTIC] = "attic",
};

static char *config_text(const struct attic_config *config)
{
	CLEANUP_FREE char *upstream = mem_strdup(config->upstream_keys);
	CLEANUP_FREE char *retention = mem_format("%" PRId64, config->retention_seconds);

	for (char *c = upstream; c && *c; c++)
		*c = *c == '\n' ? ',' : *c;
	return mem_format("public=%d priority=%" PRId64 " store=%s upstream=%s retention=%s",
			  config->is_public, config->priority,
			  config->store_dir ? config->store_dir : "-", upstream ? upstream : "-",
			  config->has_global_retention ? "global" : retention);
}

static void check_case(const char *name)
{
	CLEANUP_STRBUF struct strbuf text = STRBUF_INIT(100000);
	CLEANUP_STRBUF struct strbuf expected = STRBUF_INIT(1000);
	CLEANUP_FREE char *seen = NULL;
	struct attic_config config = {0};
	enum attic_answer_kind kind;
	struct error error = {0};

	fixture_read("attic", name, "answer", &text);
	fixture_expected("attic", name, &expected);
	if (!attic_config_parse(text.data, text.length, &config, &kind, &error)) {
		seen = config_text(&config);
		assert_int_equal(kind, ATTIC_ANSWER_ATTIC);
		assert_string_equal(seen, expected.data);
		attic_config_release(&config);
		return;
	}
	seen = mem_format("%s: %s", kind_names[kind], error.message);
	assert_memory_equal(seen, expected.data, expected.length);
	assert_null(config.public_key);
}

static void each_answer_is_read(void **state)
{
	(void)state;
	fixture_each("attic", 22, check_case);
}

static const struct {
	const char *text;
	bool is_error;
	const char *name, *message;
} errors[] = {
	{"{\"code\":404,\"error\":\"NoSuchCache\",\"message\":\"The requested cache does not exist.\"}",
	 true, "NoSuchCache", "The requested cache does not exist."},
	{"{\"code\":401,\"error\":\"Unauthorized\"}", true, "Unauthorized", ""},
	{"{\"code\":500,\"error\":\"InternalServerError\",\"message\":\"a\\nb\\u001b[31mc\"}", true,
	 "InternalServerError", "a bc"},
	{"{\"error\":\"NoSuchCache\",\"message\":\"x\"}", false, NULL, NULL},
	{"{\"code\":404,\"error\":\"no such cache\"}", false, NULL, NULL},
	{"{\"code\":404,\"error\":\"\"}", false, NULL, NULL},
	{"{\"code\":404,\"error\":1}", false, NULL, NULL},
	{"[404]", false, NULL, NULL},
	{"<html>404</html>", false, NULL, NULL},
	{"", false, NULL, NULL},
};

static void errors_are_attic_s_own(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(errors); i++) {
		struct attic_error error;

		print_message("%s\n", errors[i].text);
		assert_int_equal(attic_error_parse(errors[i].text, strlen(errors[i].text), &error),
				 errors[i].is_error);
		if (!errors[i].is_error)
			continue;
		assert_string_equal(error.name, errors[i].name);
		assert_string_equal(error.message, errors[i].message);
	}
}

static void cache_names_have_attic_s_form(void **state)
{
	static const struct {
		const char *name;
		bool is_valid;
	} rows[] = {
		{"main", true},
		{"a", true},
		{"0-_+", true},
		{"", false},
		{"-a", false},
		{"a.b", false},
		{"a/b", false},
		{"a b", false},
		{"*", false},
		{"m\xc3\xa4", false},
		{"a2345678901234567890123456789012345678901234567890", true},
		{"a23456789012345678901234567890123456789012345678901", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_int_equal(attic_cache_name_is_valid(rows[i].name), rows[i].is_valid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_answer_is_read),
		cmocka_unit_test(errors_are_attic_s_own),
		cmocka_unit_test(cache_names_have_attic_s_form),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
