/* SPDX-License-Identifier: Zlib */
/* Cleaning, redaction, wildcards and the other small grammars of text from outside. */
#include <stdlib.h>
#include <string.h>

#include "agent/strbuf.h"
#include "agent/text.h"
#include "tests/unit/check.h"

static const struct {
	const char *text;
	size_t max;
	const char *clean;
} cleanings[] = {
	{"plain", 100, "plain"},
	{"  a \t\n b\r\n ", 100, "a b"},
	{"a\x7f\x01z", 100, "a z"},
	{"gr\xc3\xbc\xc3\x9f", 100, "gr\xc3\xbc\xc3\x9f"},
	{"a\xff z", 100, "a\xef\xbf\xbd z"},
	{"a\xc3", 100, "a\xef\xbf\xbd"},
	{"a\xc0\xafz", 100, "a\xef\xbf\xbd\xef\xbf\xbdz"},                 /* overlong */
	{"a\xed\xa0\x80z", 100, "a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz"}, /* surrogate */
	{"a\x1b[31mred\x1b[0m", 100, "ared"},
	{"a\x1b]0;title\x07z", 100, "az"},
	{"a\x1b]8;;http://x\x1b\\link", 100, "alink"},
	{"a\x1b]0;no end\nz", 100, "a z"},
	{"a\x1b", 100, "a"},
	{"a\xc2\x9b"
	 "31mz",
	 100, "a 31mz"}, /* a C1 control is not ours to interpret */
	{"a\xe0\x80\xafz", 100, "a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz"},
	{"a\xf4\x90\x80\x80", 9, "a\xef\xbf\xbd\xe2\x80\xa6"}, /* beyond U+10FFFF */
	{"##[x", 4, "#\xe2\x80\xa6"},
	{"##[error]x", 100, "# #[error]x"},
	{"a##[x", 100, "a# #[x"},
	{"#\xe2\x80\x8b#[x", 100, "# #[x"}, /* nor with an invisible between */
	{"###[x", 100, "## #[x"},
	{"## [x", 100, "## [x"},
	{"a\xe2\x80\xae"
	 "b\xe2\x80\x8b"
	 "c\xef\xbb\xbf"
	 "d",
	 100, "abcd"},
	{"a\xe2\x80\xa8z", 100, "a z"},
	{"123456", 6, "123456"},
	{"1234567", 6, "123\xe2\x80\xa6"},
	{"12\xc3\xbc\xc3\xbc", 5, "12\xe2\x80\xa6"}, /* cut at a whole code point */
	{"12345", 2, "12"},
	{"", 10, ""},
};

static void text_is_cleaned(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cleanings); i++) {
		char *clean = text_cleaned(cleanings[i].text, cleanings[i].max);

		assert_string_equal(clean, cleanings[i].clean);
		assert_true(strlen(clean) <= cleanings[i].max);
		free(clean);
	}
	assert_null(text_cleaned(NULL, 10));
}

static void cleaning_appends(void **state)
{
	struct strbuf out = STRBUF_INIT(100);

	(void)state;
	strbuf_puts(&out, "##");
	text_clean(&out, " [x", 100);
	assert_string_equal(out.data, "##[x"); /* what stood there before is the caller's */
	strbuf_release(&out);
}

static const struct {
	const char *text;
	const char *shown;
} redactions[] = {
	{"http://host/path", "http://host/path"},
	{"http://user:secret@host/", "http://user:***@host/"},
	{"http://token@host/", "http://***@host/"},
	{"see grpc://u:p@a:1 and https://u:q@b", "see grpc://u:***@a:1 and https://u:***@b"},
	{"http://u:a@b@host", "http://u:***@host"},
	{"http://u:pa/ss@host/x", "http://u:***@host/x"},
	{"http://u:pa#ss@host/x", "http://u:***@host/x"},
	{"http://host:80/a@b", "http://host:80/a@b"},
	{"http://[::1]:80/a@b", "http://[::1]:80/a@b"},
	{"http://[::1]/a@b", "http://[::1]/a@b"},
	{"https://github.com/a/b@main", "https://github.com/a/b@main"},
	{"://", "://"},
	{"http://@", "http://***@"},
};

static void passwords_in_urls_are_hidden(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(redactions); i++) {
		struct strbuf out = STRBUF_INIT(200);

		text_redact_urls(&out, redactions[i].text);
		assert_string_equal(out.data, redactions[i].shown);
		strbuf_release(&out);
	}
}

static const struct {
	const char *text, *pattern;
	bool is_match;
} wildcards[] = {
	{"main", "main", true},
	{"main", "*", true},
	{"", "*", true},
	{"", "", true},
	{"main", "", false},
	{"main", "m*n", true},
	{"main", "m*x", false},
	{"aXbXc", "a*b*c", true},
	{"abcabc", "*abc", true},
	{"ab", "a*b*", true},
	{"mainx", "main", false},
	{"main", "mai?", false},
	{"all-ci-x", "all-*", true},
	{"xall-ci", "all-*", false},
	{"a*b", "a*b", true},
	{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", "*a*a*a*a*a*a*c", false},
};

static void wildcards_match(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(wildcards); i++)
		assert_int_equal(text_matches_wildcard(wildcards[i].text, wildcards[i].pattern),
				 wildcards[i].is_match);
}

static void numbers_have_nothing_around_them(void **state)
{
	static const struct {
		const char *text;
		bool is_number;
	} rows[] = {
		{"1", true},   {"65535", true}, {"0", false},  {"65536", false},
		{"", false},   {" 1", false},   {"1 ", false}, {"+1", false},
		{"-1", false}, {"0x1", false},  {"007", true}, {"99999999999999999999999", false},
	};
	unsigned long number;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_int_equal(text_to_number(rows[i].text, 1, 65535, &number),
				 rows[i].is_number);
	assert_true(text_to_number("42", 0, 100, &number));
	assert_int_equal(number, 42);
}

static void small_grammars(void **state)
{
	(void)state;
	assert_true(text_is_variable_name("_A9z"));
	assert_false(text_is_variable_name("9A"));
	assert_false(text_is_variable_name(""));
	assert_false(text_is_variable_name("A-B"));
	assert_true(text_starts_with("abc", "ab"));
	assert_false(text_starts_with("a", "ab"));
	assert_true(text_ends_with("abc", "bc"));
	assert_false(text_ends_with("c", "bc"));
}

static void shell_words_are_quoted(void **state)
{
	static const struct {
		const char *text, *word;
	} rows[] = {
		{"plain-1.2/x", "plain-1.2/x"},
		{"", "''"},
		{"a b", "'a b'"},
		{"it's", "'it'\\''s'"},
		{"$x", "'$x'"},
		{"a=b", "'a=b'"},
		{"~", "'~'"},
		{"a\nb", "'a\nb'"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct strbuf out = STRBUF_INIT(100);

		text_shell_quote(&out, rows[i].text);
		assert_string_equal(out.data, rows[i].word);
		strbuf_release(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_is_cleaned),
		cmocka_unit_test(cleaning_appends),
		cmocka_unit_test(passwords_in_urls_are_hidden),
		cmocka_unit_test(wildcards_match),
		cmocka_unit_test(numbers_have_nothing_around_them),
		cmocka_unit_test(small_grammars),
		cmocka_unit_test(shell_words_are_quoted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
