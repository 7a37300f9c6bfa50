/* SPDX-License-Identifier: Zlib */
/* JSON: what is refused and where, what is read, what is printed. */
#include <stdlib.h>
#include <string.h>

#include "agent/error.h"
#include "agent/json.h"
#include "agent/json_syntax.h"
#include "agent/strbuf.h"
#include "tests/unit/check.h"

#define D8 "[[[[[[[["
#define E8 "]]]]]]]]"

static const struct {
	const char *text;
	const char *why; /* after the name; NULL: accepted */
} documents[] = {
	{"{}", NULL},
	{" [1, -2.5e3, \"x\", true, false, null]\n", NULL},
	{"{\"a\":{\"b\":[]}, \"A\":1}", NULL},
	{"\"\\u00fc\\ud83d\\ude00\"", NULL},
	{D8 D8 D8 D8 E8 E8 E8 E8, NULL},
	{D8 D8 D8 D8 "[", ":1:33: nested too deep"},
	{"", ":1:1: expected a value"},
	{"{\n  \"a\": 1,\n  b: 2\n}", ":3:3: expected a key"},
	{"{\"a\" 1}", ":1:6: expected ':'"},
	{"{\"a\":1 \"b\":2}", ":1:8: expected ',' or '}'"},
	{"[1 2]", ":1:4: expected ',' or ']'"},
	{"[1,]", ":1:4: expected a value"},
	{"{\"a\":1,}", ":1:8: expected a key"},
	{"{} {}", ":1:4: text after"},
	{"{}x", ":1:3: text after"},
	{"// no\n{}", ":1:1: expected a value"},
	{"[01]", ":1:3: expected ','"},
	{"[+1]", ":1:2: expected a value"},
	{"[1.]", ":1:4: expected a digit"},
	{"[1e]", ":1:4: expected a digit"},
	{"[.5]", ":1:2: expected a value"},
	{"[NaN]", ":1:2: expected a value"},
	{"[1e999]", ": /0: a number that is too large"},
	{"[-1e999]", ": /0: a number that is too large"},
	{"[1111111111111111111111111111111111111111111111111111111111111]", "too long"},
	{"[tru]", ":1:2: expected a value"},
	{"\"\\u0000\"", ":1:8: \\u0000"},
	{"\"\\ud83d\"", "surrogate"},
	{"\"\\ude00\"", "surrogate"},
	{"\"\\ud83d\\u0041\"", "surrogate"},
	{"\"\\ude00\\ude00\"", "surrogate"},
	{"\"\\x\"", ":1:3: unknown escape"},
	{"\"\\u12g4\"", "hexadecimal"},
	{"\"a\nb\"", ":1:3: control character"},
	{"\"a", ":1:3: the string has no end"},
	{"\"\xff\"", ":1:2: invalid UTF-8"},
	{"\"\xc3\"", ":1:2: invalid UTF-8"},
	{"\"\xed\xa0\x80\"", ":1:2: invalid UTF-8"},
	{"\"\xc3\xbc\" x", ":1:5: text after"}, /* columns are code points */
	{"\xef\xbb\xbf{}", ":1:1: expected a value"},
	{"{\"a\":1,\"b\":{},\"a\":2}", ": /a: this key occurs twice"},
	{"{\"x\":[{\"k\":1,\"\\u006b\":2}]}", ": /x/0/k: this key occurs twice"},
};

static void only_json_is_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(documents); i++) {
		struct error error = {0};
		struct json *document = NULL;
		int status = json_parse(documents[i].text, strlen(documents[i].text), "x.json",
					&document, &error);

		print_message("%s -> %s\n", documents[i].text, error.message);
		assert_int_equal(status, documents[i].why ? -1 : 0);
		if (documents[i].why) {
			assert_int_equal(error.code, ERROR_USAGE);
			assert_non_null(strstr(error.message, documents[i].why));
			assert_memory_equal(error.message, "x.json", 6);
		}
		json_free(document);
	}
}

static void nul_bytes_are_refused(void **state)
{
	struct json *document = NULL;

	(void)state;
	assert_int_equal(json_parse("{}\0", 3, "x", &document, NULL), -1);
	assert_int_equal(json_parse("\"a\0b\"", 5, "x", &document, NULL), -1);
	assert_int_equal(json_parse("\0", 1, "x", &document, NULL), -1);
}

static void getters_are_strict(void **state)
{
	static const char text[] = "{\"Name\":\"x\",\"n\":41,\"f\":1.5,\"big\":1e300,\"t\":true,"
				   "\"null\":null,\"list\":[\"a\",2],\"edge\":9007199254740992}";
	struct json *document = NULL;
	int64_t number = 0;

	(void)state;
	assert_int_equal(json_parse(text, sizeof(text) - 1, "x", &document, NULL), 0);
	assert_null(json_member(document, "name")); /* case matters */
	assert_string_equal(json_string(json_member(document, "Name")), "x");
	assert_true(json_integer(json_member(document, "n"), &number));
	assert_int_equal(number, 41);
	assert_true(json_integer(json_member(document, "edge"), &number));
	assert_false(json_integer(json_member(document, "f"), &number));
	assert_false(json_integer(json_member(document, "big"), &number));
	assert_false(json_integer(json_member(document, "Name"), &number));
	assert_int_equal(json_boolean(json_member(document, "t")), 1);
	assert_int_equal(json_boolean(json_member(document, "n")), -1);
	assert_int_equal(json_boolean(NULL), -1);
	assert_null(json_string(json_member(document, "n")));
	assert_null(json_string(NULL));
	assert_true(json_is_null(json_member(document, "null")));
	assert_false(json_is_null(NULL));
	assert_int_equal(json_count(json_member(document, "list")), 2);
	assert_int_equal(json_count(NULL), 0);
	assert_null(json_at(json_member(document, "list"), 2));
	assert_string_equal(json_key(json_at(document, 0)), "Name");
	assert_null(json_member(json_member(document, "list"), "a"));
	json_free(document);
}

static void documents_are_printed(void **state)
{
	struct json *document = json_new_object();
	struct json *list = json_add_array(document, "list");
	struct strbuf out = STRBUF_INIT(1000);

	(void)state;
	json_append_string(list, "a\"\\\n\x01\x7f\xff");
	json_add_integer(json_append_object(list), "n", INT64_MIN);
	json_add_string(document, "none", NULL);
	json_add_boolean(document, "yes", true);
	(void)json_add_object(document, "empty");
	json_print(document, false, &out);
	assert_string_equal(out.data, "{\n"
				      "  \"list\": [\n"
				      "    \"a\\\"\\\\\\n\\u0001\\u007f\xef\xbf\xbd\",\n"
				      "    {\n"
				      "      \"n\": -9223372036854775808\n"
				      "    }\n"
				      "  ],\n"
				      "  \"none\": null,\n"
				      "  \"yes\": true,\n"
				      "  \"empty\": {}\n"
				      "}\n");
	strbuf_clear(&out);
	json_print(document, true, &out);
	assert_string_equal(out.data, "{\"list\":[\"a\\\"\\\\\\n\\u0001\\u007f\xef\xbf\xbd\","
				      "{\"n\":-9223372036854775808}],\"none\":null,\"yes\":true,"
				      "\"empty\":{}}\n");
	strbuf_release(&out);
	json_free(document);
}

/* An array of COUNT zeros, which the caller frees. */
static char *zeros(size_t count)
{
	char *text = calloc(2 * count + 2, 1);

	text[0] = '[';
	for (size_t i = 0; i < count; i++)
		memcpy(text + 1 + 2 * i, i + 1 < count ? "0," : "0]", 2);
	return text;
}

/* Two bytes of text become a value of eighty. */
static void as_many_values_as_memory_is_fit_for(void **state)
{
	const size_t most = JSON_MAX_VALUES - 1; /* the array is one, too */

	(void)state;
	for (size_t count = most; count <= most + 1; count++) {
		char *text = zeros(count);
		struct json *value = NULL;
		struct error error = {0};

		assert_int_equal(json_parse(text, strlen(text), "zeros", &value, &error),
				 count > most ? -1 : 0);
		if (count > most)
			assert_non_null(strstr(error.message, "too many values"));
		json_free(value);
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_json_is_read),
		cmocka_unit_test(nul_bytes_are_refused),
		cmocka_unit_test(getters_are_strict),
		cmocka_unit_test(documents_are_printed),
		cmocka_unit_test(as_many_values_as_memory_is_fit_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
