/* SPDX-License-Identifier: Zlib */
/* Strings with a maximum, facts under keys. */
#include <string.h>

#include "agent/cleanup.h"
#include "agent/facts.h"
#include "agent/strbuf.h"
#include "tests/unit/check.h"

static void the_maximum_holds(void **state)
{
	struct strbuf buf = STRBUF_INIT(10);

	(void)state;
	assert_string_equal(buf.data, "");
	strbuf_puts(&buf, "12345");
	assert_false(buf.is_truncated);
	strbuf_printf(&buf, "%d", 678901234);
	assert_string_equal(buf.data, "1234567890");
	assert_true(buf.is_truncated);
	strbuf_putc(&buf, 'x');
	assert_int_equal(buf.length, 10);
	strbuf_clear(&buf);
	assert_string_equal(buf.data, "");
	assert_false(buf.is_truncated);
	strbuf_release(&buf);
}

static void taking_leaves_it_empty(void **state)
{
	struct strbuf buf = STRBUF_INIT(100);
	char *text;

	(void)state;
	strbuf_add(&buf, "a\0b", 3);
	assert_int_equal(buf.length, 3);
	text = strbuf_take(&buf);
	assert_memory_equal(text, "a\0b", 4);
	assert_int_equal(buf.length, 0);
	free(text);
	text = strbuf_take(&buf);
	assert_string_equal(text, "");
	free(text);
}

static void keys_are_checked(void **state)
{
	static const struct {
		const char *key;
		bool is_valid;
	} rows[] = {
		{"nix.version", true}, {"a", true},    {"a-b_c.9", true},   {"", false},
		{".a", false},         {"a.", false},  {"a..b", false},     {"A", false},
		{"a b", false},        {"a\n", false}, {"\xc3\xa4", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_int_equal(facts_key_is_valid(rows[i].key), rows[i].is_valid);
}

static void facts_are_replaced_and_forgotten(void **state)
{
	struct facts facts = {0};
	int64_t number = 0;

	(void)state;
	facts_set_text(&facts, "nix.version", FACT_STRING, "2.8");
	facts_set_text(&facts, "nix.version", FACT_STRING, "2.26");
	facts_set_number(&facts, "nixos.count", FACT_INTEGER, 4);
	facts_set_number(&facts, "nix", FACT_BOOLEAN, 1);
	assert_int_equal(facts.count, 3);
	assert_string_equal(facts_string(&facts, "nix.version"), "2.26");
	assert_false(facts_integer(&facts, "nix.version", &number));
	assert_int_equal(facts_boolean(&facts, "nixos.count"), -1);
	facts_forget(&facts, "nix");
	assert_int_equal(facts.count, 1);
	assert_true(facts_integer(&facts, "nixos.count", &number));
	assert_int_equal(number, 4);
	facts_release(&facts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_maximum_holds),
		cmocka_unit_test(taking_leaves_it_empty),
		cmocka_unit_test(keys_are_checked),
		cmocka_unit_test(facts_are_replaced_and_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
