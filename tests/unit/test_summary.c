/* SPDX-License-Identifier: Zlib */
/* The step summary against fixtures/summary, Markdown that cannot be broken, and its size. */
#include <stdlib.h>
#include <string.h>

#include "agent/markdown.h"
#include "agent/strbuf.h"
#include "agent/summary.h"
#include "tests/unit/check.h"
#include "tests/unit/golden.h"
#include "tests/unit/sample.h"

#define MAX_BYTES (1u << 20)

static void summaries_as_they_should_be(void **state)
{
	static const struct {
		void (*make)(struct sample *sample);
		const char *golden;
	} rows[] = {
		{sample_make, "fixtures/summary/ready.md"},
		{sample_make_degraded, "fixtures/summary/degraded.md"},
		{sample_make_failed, "fixtures/summary/failed.md"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct strbuf out = STRBUF_INIT(MAX_BYTES);
		struct sample sample;

		rows[i].make(&sample);
		summary_print(&sample.result, &out);
		golden_expect(rows[i].golden, out.data);
		assert_null(strstr(out.data, "-secret"));
		assert_null(strstr(out.data, "##["));
		sample_release(&sample);
		strbuf_release(&out);
	}
}

static void code_spans(void **state)
{
	static const struct {
		const char *text, *span;
	} rows[] = {
		{"", ""},
		{"plain", "`plain`"},
		{"a|b", "`a\\|b`"},
		{"a\\|b", "`a\\\\\\|b`"},
		{"a\\\\|b", "`a\\\\\\|b`"},
		{"one ` two", "``one ` two``"},
		{"`x``", "``` `x`` ```"},
		{"<b>&amp;", "`<b>&amp;`"},
		{"two\nlines", "`two lines`"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct strbuf out = STRBUF_INIT(1024);

		markdown_code(&out, rows[i].text);
		assert_string_equal(out.data, rows[i].span);
		strbuf_release(&out);
	}
}

/* A table's cell ends at each bar with an even number of backslashes before it. */
static void no_text_ends_a_cell(void **state)
{
	char text[12];

	(void)state;
	for (unsigned int bits = 0; bits < 2048; bits++) {
		struct strbuf out = STRBUF_INIT(1024);
		size_t backslashes = 0;

		for (size_t i = 0; i < 11; i++)
			text[i] = bits >> i & 1 ? '|' : '\\';
		text[11] = '\0';
		markdown_code(&out, text);
		for (const char *c = out.data; *c; c++) {
			assert_true(*c != '|' || backslashes % 2 == 1);
			backslashes = *c == '\\' ? backslashes + 1 : 0;
		}
		strbuf_release(&out);
	}
}

static void fences_are_longer_than_what_they_hold(void **state)
{
	struct strbuf out = STRBUF_INIT(1024);

	(void)state;
	markdown_fence(&out, "json", "a ```` b");
	assert_string_equal(out.data, "`````json\na ```` b\n`````\n");
	strbuf_release(&out);
}

/* The runner drops more than 1 MiB of one step; other tools write there too. */
static void a_flood_stays_small(void **state)
{
	struct strbuf out = STRBUF_INIT(MAX_BYTES);
	char *large = malloc(4001);
	struct sample sample;

	(void)state;
	memset(large, '|', 4000);
	large[4000] = '\0';
	sample_make_degraded(&sample);
	for (size_t i = 0; i < 500; i++)
		findings_add(&sample.run.findings, FINDING_TASK_SILENT, "attic", large, large);
	summary_print(&sample.result, &out);
	assert_true(out.length <= 262144);
	assert_non_null(strstr(out.data, "more findings are in the report alone"));
	assert_non_null(strstr(out.data, "The report is too long"));
	assert_non_null(strstr(out.data, "```mermaid\n"));
	free(large);
	sample_release(&sample);
	strbuf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(summaries_as_they_should_be),
		cmocka_unit_test(code_spans),
		cmocka_unit_test(no_text_ends_a_cell),
		cmocka_unit_test(fences_are_longer_than_what_they_hold),
		cmocka_unit_test(a_flood_stays_small),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
