/* SPDX-License-Identifier: Zlib */
/* .setup_info: merged with what others have there, and readable whatever a server says. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/error.h"
#include "agent/setup_info.h"
#include "agent/strbuf.h"
#include "tests/unit/check.h"
#include "tests/unit/golden.h"
#include "tests/unit/sample.h"

#define OURS "{\"group\":\"spinup\",\"detail\":\"new\"}"

static void merged(void **state)
{
	static const struct {
		const char *before, *after; /* without white space; NULL: refused */
	} rows[] = {
		{"", "[" OURS "]"},
		{"[]", "[" OURS "]"},
		{"\xef\xbb\xbf[]", "[" OURS "]"},
		{"[{\"group\":\"a\"}]", "[{\"group\":\"a\"}," OURS "]"},
		{"[{\"group\":\"spinup\"},{\"group\":\"a\"}]", "[" OURS ",{\"group\":\"a\"}]"},
		{"[{\"group\":\"spinup\"},{\"group\":\"spinup\"}]", "[" OURS "]"},
		{"[1,null,\"spinup\",[true]]", "[1,null,\"spinup\",[true]," OURS "]"},
		{"{}", NULL},
		{"1", NULL},
		{"[", NULL},
		{"[] x", NULL},
		{"[{\"a\":1,\"a\":2}]", NULL},
		{" ", NULL},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct strbuf out = STRBUF_INIT(4096);
		struct strbuf tight = STRBUF_INIT(4096);
		struct error error = {0};
		int status = setup_info_merge(rows[i].before, "new", &out, &error);

		for (const char *c = out.data; *c; c++)
			if (!strchr(" \n", *c))
				strbuf_putc(&tight, *c);
		assert_int_equal(status, rows[i].after ? 0 : -1);
		assert_string_equal(tight.data, rows[i].after ? rows[i].after : "");
		assert_int_equal(*error.message != '\0', status < 0);
		strbuf_release(&tight);
		strbuf_release(&out);
	}
}

/* As long as the list may be: the runner waits. */
static void a_long_list_takes_no_time(void **state)
{
	const size_t count = 65000;
	struct strbuf out = STRBUF_INIT(8u << 20);
	char *text = malloc(2 * count + 2);
	struct error error = {0};

	(void)state;
	for (size_t i = 0; i < count; i++)
		memcpy(text + 2 * i, i ? ",0" : "[0", 2);
	memcpy(text + 2 * count, "]", 2);
	(void)alarm(30);
	assert_int_equal(setup_info_merge(text, "new", &out, &error), 0);
	(void)alarm(0);
	free(text);
	strbuf_release(&out);
}

static void details(void **state)
{
	static const struct {
		void (*make)(struct sample *sample);
		const char *golden;
	} rows[] = {
		{sample_make, "fixtures/setup-info/ready.txt"},
		{sample_make_degraded, "fixtures/setup-info/degraded.txt"},
		{sample_make_failed, "fixtures/setup-info/failed.txt"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct strbuf out = STRBUF_INIT(65536);
		struct sample sample;

		rows[i].make(&sample);
		setup_info_detail(&sample.result, &out);
		golden_expect(rows[i].golden, out.data);
		assert_null(strstr(out.data, "-secret"));
		assert_null(strstr(out.data, "##["));
		sample_release(&sample);
		strbuf_release(&out);
	}
}

static void a_flood_stays_small(void **state)
{
	static const char end[] = " more, which the pod's log shows\n";
	struct strbuf out = STRBUF_INIT(65536);
	char *large = malloc(4001);
	struct sample sample;

	(void)state;
	memset(large, '#', 4000);
	large[4000] = '\0';
	sample_make_degraded(&sample);
	for (size_t i = 0; i < 500; i++)
		findings_add(&sample.run.findings, FINDING_TASK_SILENT, "attic", large, large);
	setup_info_detail(&sample.result, &out);
	assert_false(out.is_truncated);
	assert_string_equal(out.data + out.length - strlen(end), end);
	free(large);
	sample_release(&sample);
	strbuf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(merged),
		cmocka_unit_test(a_long_list_takes_no_time),
		cmocka_unit_test(details),
		cmocka_unit_test(a_flood_stays_small),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
