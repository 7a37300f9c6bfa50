/* SPDX-License-Identifier: Zlib */
/* What GitLab reads: sections and dotenv reports. */
#include <string.h>

#include "agent/error.h"
#include "agent/gitlab.h"
#include "agent/strbuf.h"
#include "tests/unit/check.h"

static void sections_have_both_ends(void **state)
{
	struct gitlab_section section = {"spinup_proofs", "What was proven", true, 12, 15};
	struct strbuf out = STRBUF_INIT(1024);

	(void)state;
	gitlab_section_start(&out, &section);
	gitlab_section_end(&out, &section);
	section.is_folded = false;
	gitlab_section_start(&out, &section);
	assert_string_equal(
		out.data,
		"\033[0Ksection_start:12:spinup_proofs[collapsed=true]\r\033[0KWhat was proven\n"
		"\033[0Ksection_end:15:spinup_proofs\r\033[0K\n"
		"\033[0Ksection_start:12:spinup_proofs\r\033[0KWhat was proven\n");
	strbuf_release(&out);
}

static void what_a_line_cannot_hold(void **state)
{
	static const struct {
		const char *value;
		bool is_held;
	} rows[] = {
		{"", true},
		{"http://attic.nix-cache.svc.cluster.local", true},
		{"main:eaUydxuDu7xBoy5cCo3MdknYAkVyTIASQ7DGuwxa+XA=", true},
		{"two words, \"quotes\", # and = inside", true},
		{"gr\xc3\xbc\xc3\x9f", true},
		{"one\ntwo", false},
		{"one\rtwo", false},
		{"$HOME/x", false},
		{" x", false},
		{"x\t", false},
		{" ", false},
		{"\xe9t\xe9", false},
		{"cut \xc3", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		if (rows[i].is_held == (gitlab_dotenv_problem(rows[i].value) != NULL))
			fail_msg("row %zu", i);
}

static void a_report_has_a_bound(void **state)
{
	struct strbuf out = STRBUF_INIT(2 * GITLAB_DOTENV_MAX_BYTES);
	char value[GITLAB_DOTENV_MAX_BYTES - sizeof("A=\nB=\n") + 2];
	struct error error = {0};

	(void)state;
	memset(value, 'x', sizeof(value));
	value[sizeof(value) - 1] = '\0';
	assert_int_equal(gitlab_dotenv_add(&out, "A", value, &error), 0);
	assert_int_equal(gitlab_dotenv_add(&out, "B", "", &error), 0);
	assert_int_equal(out.length, GITLAB_DOTENV_MAX_BYTES);
	assert_int_equal(gitlab_dotenv_add(&out, "C", "", &error), -1);
	assert_non_null(strstr(error.message, "5120 bytes, and C does not fit"));
	strbuf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sections_have_both_ends),
		cmocka_unit_test(what_a_line_cannot_hold),
		cmocka_unit_test(a_report_has_a_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
