/* SPDX-License-Identifier: Zlib */
/* The report against fixtures/report (tests/e2e validates these by the schema), and its secrets. */
#include <string.h>

#include "agent/error.h"
#include "agent/json.h"
#include "agent/report.h"
#include "agent/strbuf.h"
#include "tests/unit/check.h"
#include "tests/unit/golden.h"
#include "tests/unit/sample.h"

static void reports_as_they_should_be(void **state)
{
	static const struct {
		void (*make)(struct sample *sample);
		const char *golden;
	} rows[] = {
		{sample_make, "fixtures/report/ready.json"},
		{sample_make_degraded, "fixtures/report/degraded.json"},
		{sample_make_failed, "fixtures/report/failed.json"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct sample sample;
		const char *text;

		rows[i].make(&sample);
		text = report_text(&sample.result)->data;
		golden_expect(rows[i].golden, text);
		assert_null(strstr(text, "-secret"));
		assert_null(strstr(text, "##["));
		sample_release(&sample);
	}
}

static const struct json *member(const struct json *object, const char *const *path)
{
	for (; *path; path++)
		object = json_member(object, *path);
	return object;
}

/* A key that is a value and a parent keeps both; a key as deep as keys can be stays readable. */
static void facts_are_nested(void **state)
{
	static const char *const own[] = {"facts", "nix", "daemon", "=", NULL};
	static const char *const version[] = {"facts", "nix", "version", NULL};
	static const char *const like[] = {"facts", "nix-like", NULL};
	static const char *const deep[] = {"facts", "a", "b", "c",     "d", "e",
					   "f",     "g", "h", "i.j.k", NULL};
	struct error error = {0};
	const char *text;
	struct json *report;
	struct sample sample;
	int64_t number = 0;

	(void)state;
	sample_make(&sample);
	facts_set_text(&sample.run.facts, "a.b.c.d.e.f.g.h.i.j.k", FACT_STRING, "deep");
	facts_set_text(&sample.run.facts, "a.b.c.d.e.f.g.h.i", FACT_STRING, "parent");
	text = report_text(&sample.result)->data;
	assert_int_equal(json_parse(text, strlen(text), "report", &report, &error), 0);
	assert_string_equal(json_string(member(report, own)), "a value that is a parent too");
	assert_string_equal(json_string(member(report, version)), "2.31.2");
	assert_true(json_integer(member(report, like), &number));
	assert_true(number == INT64_C(8589934592));
	assert_string_equal(json_string(member(report, deep)), "deep");
	json_free(report);
	sample_release(&sample);
}

/* `plan` and `probe` compose no environment. */
static void an_environment_may_be_missing(void **state)
{
	struct sample sample;
	const char *text;

	(void)state;
	sample_make(&sample);
	sample.result.environment = NULL;
	text = report_text(&sample.result)->data;
	assert_non_null(strstr(text, "\"environment\": {"));
	sample_release(&sample);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reports_as_they_should_be),
		cmocka_unit_test(facts_are_nested),
		cmocka_unit_test(an_environment_may_be_missing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
