/* SPDX-License-Identifier: Zlib */
/* The terminal page against fixtures/page, and what must never be on it. */
#include <stdlib.h>
#include <string.h>

#include "agent/page.h"
#include "agent/page_text.h"
#include "agent/strbuf.h"
#include "tests/unit/check.h"
#include "tests/unit/golden.h"
#include "tests/unit/sample.h"

#define PAGE_MAX_BYTES (1u << 20)

enum page_kind { KIND_RUN, KIND_DOCTOR, KIND_WARN, KIND_LOCAL };

static void set_kind(struct sample *sample, enum page_kind kind, struct page_style *style)
{
	style->is_complete = kind == KIND_DOCTOR;
	if (kind == KIND_DOCTOR)
		sample->command = (struct command){.name = "doctor", .bit = COMMAND_DOCTOR};
	if (kind == KIND_WARN)
		sample->options.mode = MODE_WARN;
	if (kind == KIND_LOCAL)
		sample->job.context.surface = SURFACE_LOCAL;
}

static void pages_as_they_should_be(void **state)
{
	static const struct {
		void (*make)(struct sample *sample);
		enum page_kind kind;
		struct page_style style;
		const char *golden;
	} rows[] = {
		{sample_make, KIND_RUN, {.width = 100}, "fixtures/page/ready-run.txt"},
		{sample_make, KIND_DOCTOR, {.width = 100}, "fixtures/page/ready-doctor.txt"},
		{sample_make, KIND_LOCAL, {.width = 80}, "fixtures/page/ready-local.txt"},
		{sample_make_degraded, KIND_RUN, {.width = 100}, "fixtures/page/degraded-run.txt"},
		{sample_make_degraded,
		 KIND_RUN,
		 {.width = 60},
		 "fixtures/page/degraded-narrow.txt"},
		{sample_make_failed, KIND_RUN, {.width = 100}, "fixtures/page/failed-run.txt"},
		{sample_make_failed, KIND_WARN, {.width = 100}, "fixtures/page/failed-warn.txt"},
		{sample_make_failed,
		 KIND_DOCTOR,
		 {.width = 100, .has_colour = true},
		 "fixtures/page/failed-colour.txt"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct page_style style = rows[i].style;
		struct strbuf out = STRBUF_INIT(PAGE_MAX_BYTES);
		struct sample sample;

		rows[i].make(&sample);
		set_kind(&sample, rows[i].kind, &style);
		page_print(&sample.result, &style, &out);
		golden_expect(rows[i].golden, out.data);
		strbuf_release(&out);
		sample_release(&sample);
	}
}

static void the_plan(void **state)
{
	struct page_style style = {.width = 100};
	struct strbuf out = STRBUF_INIT(PAGE_MAX_BYTES);
	struct sample sample;

	(void)state;
	sample_make(&sample);
	page_print_plan(&sample.job, &sample.plan, &style, &out);
	golden_expect("fixtures/page/plan.txt", out.data);
	strbuf_release(&out);
	sample_release(&sample);
}

/* A line that begins with "::" after white space, or that holds "##[", is a command to the runner. */
static void expect_harmless(const char *page, size_t width)
{
	for (const char *line = page; *line;) {
		size_t length = strcspn(line, "\n");
		size_t blank = strspn(line, " \t");

		assert_int_not_equal(strncmp(line + blank, "::", 2), 0);
		(void)width;
		line += length + (line[length] == '\n');
	}
	assert_null(strstr(page, "##["));
	assert_null(strchr(page, '\r'));
	assert_null(strstr(page, "attic-token-secret"));
	assert_null(strstr(page, "hunter2-secret"));
	assert_null(strstr(page, "hunter3-secret"));
}

static void nothing_hostile_gets_through(void **state)
{
	(void)state;
	for (unsigned int width = 60; width < 130; width++) {
		struct page_style style = {.width = width, .is_complete = width % 2};
		struct strbuf out = STRBUF_INIT(PAGE_MAX_BYTES);
		struct sample sample;

		sample_make_degraded(&sample);
		page_print(&sample.result, &style, &out);
		expect_harmless(out.data, width);
		assert_non_null(strstr(out.data, "***"));
		strbuf_release(&out);
		sample_release(&sample);
	}
}

static void wrapping(void **state)
{
	static const struct {
		const char *text, *lines;
	} rows[] = {
		{"one two three", "one two\n  three"},
		{"one  two", "one  two"},
		{"averyverylongword", "averyverylongword"},
		{"a averyverylongword b", "a\n  averyverylongword\n  b"},
		{"ä ä ä ä ä ä", "ä ä ä ä ä\n  ä"},
		{"aaaaaaaa ::error::x", "aaaaaaaa\n  | ::error::x"},
		{"", ""},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct page_paragraph paragraph = {.indent = 2, .width = 10};
		struct strbuf out = STRBUF_INIT(1024);

		page_wrap(&out, &paragraph, rows[i].text);
		assert_string_equal(out.data, rows[i].lines);
		strbuf_release(&out);
	}
}

static void durations(void **state)
{
	static const struct {
		int64_t milliseconds;
		const char *text;
	} rows[] = {{-1, ""}, {0, "0 ms"}, {999, "999 ms"}, {2549, "2.5 s"}, {45000, "45 s"}};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct strbuf out = STRBUF_INIT(64);

		page_duration(&out, rows[i].milliseconds);
		assert_string_equal(out.data, rows[i].text);
		strbuf_release(&out);
	}
}

/* Not a terminal: colours only where they are asked for, and never with NO_COLOR. */
static void colours_are_a_terminals(void **state)
{
	static const struct {
		const char *no_color, *forced;
		bool has_colour;
	} rows[] = {{"", "", false}, {"", "1", true}, {"1", "1", false}, {"", "0", false}};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(setenv("NO_COLOR", rows[i].no_color, 1), 0);
		assert_int_equal(setenv("CLICOLOR_FORCE", rows[i].forced, 1), 0);
		assert_int_equal(page_style_for(-1).has_colour, rows[i].has_colour);
		assert_int_equal(page_style_for(-1).width, 100);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages_as_they_should_be),
		cmocka_unit_test(the_plan),
		cmocka_unit_test(nothing_hostile_gets_through),
		cmocka_unit_test(wrapping),
		cmocka_unit_test(durations),
		cmocka_unit_test(colours_are_a_terminals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
