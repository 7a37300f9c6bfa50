/* SPDX-License-Identifier: Zlib */
/* netrc files: read as libcurl reads them, merged, written so that every version understands. */
#include <string.h>

#include "agent/cleanup.h"
#include "agent/error.h"
#include "agent/netrc.h"
#include "agent/strbuf.h"
#include "tests/unit/check.h"

static const struct {
	const char *text;
	const char *expected; /* as written again; NULL: refused */
} texts[] = {
	{"", ""},
	{"\n \n", ""},
	{"machine a login b password c", "machine a login b password c\n"},
	{"machine a\n\tlogin b\n\tpassword c\n", "machine a login b password c\n"},
	{"machine a password c", "machine a password c\n"},
	{"machine a password c login b", "machine a login b password c\n"},
	{"machine a login b password c machine d login e password f",
	 "machine a login b password c\nmachine d login e password f\n"},
	{"MACHINE a LOGIN b Password c", "machine a login b password c\n"},
	{"machine a account x login b password c", "machine a login b password c\n"},
	{"# a comment\nmachine a # the rest of the line\nlogin b", "machine a login b\n"},
	{"# machine x\nmachine a login b\n# end", "machine a login b\n"},
	{"default login b password c\nmachine a login d",
	 "machine a login d\ndefault login b password c\n"},
	{"macdef init\ncd /\nls\n\nmachine a login b", "machine a login b\n"},
	{"macdef init\nmachine evil login x", ""},
	{"machine a login \"b c\" password \"d\\\"e\\\\f\"",
	 "machine a login \"b c\" password \"d\\\"e\\\\f\"\n"},
	{"machine a login b password \"x\\ny\"", "machine a login b password \"x\\ny\"\n"},
	{"machine a login b password \"\"", "machine a login b password \"\"\n"},
	{"machine a login b password #x", "machine a login b password \"#x\"\n"},
	{"machine a login b password \"unended", NULL},
	{"machine", NULL},
	{"machine a login", NULL},
	{"login b", NULL},
	{"password c", NULL},
	{"machine a stray", NULL},
};

static void check_texts(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		CLEANUP(netrc_release) struct netrc netrc = {0};
		CLEANUP_STRBUF struct strbuf out = STRBUF_INIT(NETRC_MAX_BYTES);
		struct error error = {0};
		int status = netrc_parse(&netrc, texts[i].text, &error);

		print_message("%s\n", texts[i].text);
		assert_int_equal(status, texts[i].expected ? 0 : -1);
		if (!texts[i].expected)
			continue;
		netrc_print(&netrc, &out);
		assert_string_equal(out.data, texts[i].expected);
	}
}

static const struct {
	const char *text, *machine, *password;
	const char *expected; /* NULL: refused */
} merges[] = {
	{"", "h", "T", "machine h login attic password T\n"},
	{"machine h login old password OLD", "h", "T", "machine h login attic password T\n"},
	{"machine H login old password OLD", "h", "T", "machine h login attic password T\n"},
	{"machine g login a password b", "h", "T",
	 "machine h login attic password T\nmachine g login a password b\n"},
	{"default login a password b\nmachine g login c password d", "h", "T",
	 "machine h login attic password T\nmachine g login c password d\n"
	 "default login a password b\n"},
	{"machine h login a\nmachine g login c\nmachine h login d", "h", "T",
	 "machine h login attic password T\nmachine g login c\n"},
	{"", "h", "a b", "machine h login attic password \"a b\"\n"},
	{"", "h", "a\"b\\c", "machine h login attic password \"a\\\"b\\\\c\"\n"},
	{"", "h", "a\nmachine evil", NULL},
	{"", "h\nmachine evil login x", "T", NULL},
	{"", "h", "a\x7f", NULL},
	{"", "h", "", NULL},
	{"", "", "T", NULL},
};

static void check_merges(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(merges); i++) {
		CLEANUP(netrc_release) struct netrc netrc = {0};
		CLEANUP_STRBUF struct strbuf out = STRBUF_INIT(NETRC_MAX_BYTES);
		struct error error = {0};

		assert_int_equal(netrc_parse(&netrc, merges[i].text, &error), 0);
		assert_int_equal(
			netrc_set(&netrc, merges[i].machine, "attic", merges[i].password, &error),
			merges[i].expected ? 0 : -1);
		if (!merges[i].expected) {
			assert_null(strstr(error.message, "evil"));
			continue;
		}
		netrc_print(&netrc, &out);
		assert_string_equal(out.data, merges[i].expected);
	}
}

static void check_bounds(void **state)
{
	CLEANUP(netrc_release) struct netrc netrc = {0};
	CLEANUP_STRBUF struct strbuf text = STRBUF_INIT(NETRC_MAX_BYTES);
	struct error error = {0};

	(void)state;
	strbuf_puts(&text, "machine h password ");
	for (unsigned int i = 0; i < NETRC_MAX_TOKEN_BYTES; i++)
		strbuf_putc(&text, 'x');
	assert_int_equal(netrc_parse(&netrc, text.data, &error), 0);
	assert_int_equal(strlen(netrc.entries[0].password), NETRC_MAX_TOKEN_BYTES);
	assert_int_equal(
		netrc_set(&netrc, "g", "attic", text.data + strlen("machine h password "), &error),
		0);
	strbuf_putc(&text, 'x');
	assert_int_equal(netrc_parse(&netrc, text.data, &error), -1);
	assert_int_equal(
		netrc_set(&netrc, "g", "attic", text.data + strlen("machine h password "), &error),
		-1);
	assert_null(strstr(error.message, "xxx"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(check_texts),
		cmocka_unit_test(check_merges),
		cmocka_unit_test(check_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
