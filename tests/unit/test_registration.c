/* SPDX-License-Identifier: Zlib */
/* Registrations: what is read, what is refused, and that what is printed is what was read. */
#include <stdlib.h>
#include <string.h>

#include "agent/cleanup.h"
#include "agent/encoding.h"
#include "agent/error.h"
#include "agent/mem.h"
#include "agent/registration.h"
#include "agent/strbuf.h"
#include "tests/unit/check.h"
#include "tests/unit/fixture.h"

#define GLIBC "/nix/store/skpz0xhq7igr453plh1q8arih6gb61qc-glibc-2.41"
#define NIX "/nix/store/mxj0a5vy42xa3fwv7m3cq3a0ar056jqi-nix-2.26.3"
#define MAX_TEXT_BYTES (1u << 20)

static void read_case(const char *name, struct registration *ret)
{
	CLEANUP_STRBUF struct strbuf text = STRBUF_INIT(MAX_TEXT_BYTES);
	struct error error = {0};

	fixture_read("registration", name, "registration", &text);
	if (registration_parse(text.data, text.length, name, ret, &error) < 0)
		fail_msg("%s", error.message);
}

static void check_case(const char *name)
{
	CLEANUP_STRBUF struct strbuf text = STRBUF_INIT(MAX_TEXT_BYTES);
	CLEANUP_STRBUF struct strbuf expected = STRBUF_INIT(1000);
	CLEANUP_REGISTRATION struct registration registration = {0};
	CLEANUP_FREE char *found = NULL;
	struct error error = {0};

	fixture_read("registration", name, "registration", &text);
	fixture_expected("registration", name, &expected);
	if (registration_parse(text.data, text.length, "text", &registration, &error) == 0)
		found = mem_format("%zu paths", registration.count);
	else
		found = mem_format("error: %s", error.message);
	assert_string_equal(found, expected.data);
	assert_true((registration.paths != NULL) == (error.code == ERROR_NONE));
}

static void each_case_is_judged(void **state)
{
	(void)state;
	fixture_each("registration", 34, check_case);
}

/* nix-store --dump-db sorts as we do, and --load-db reads what it prints. */
static void printed_as_nix_prints_it(void **state)
{
	CLEANUP_STRBUF struct strbuf text = STRBUF_INIT(MAX_TEXT_BYTES);
	CLEANUP_STRBUF struct strbuf printed = STRBUF_INIT(MAX_TEXT_BYTES);
	CLEANUP_REGISTRATION struct registration registration = {0};

	(void)state;
	fixture_read("registration", "dump-db", "registration", &text);
	read_case("dump-db", &registration);
	registration_print(&registration, &printed);
	assert_string_equal(printed.data, text.data);
}

/* closureInfo writes the same closure with hashes in base 32, in its own order, without derivers. */
static void both_forms_say_the_same(void **state)
{
	CLEANUP_REGISTRATION struct registration dumped = {0};
	CLEANUP_REGISTRATION struct registration closure = {0};

	(void)state;
	read_case("dump-db", &dumped);
	read_case("closure-info", &closure);
	assert_int_equal(dumped.count, closure.count);
	for (size_t i = 0; i < dumped.count; i++) {
		const struct registered_path *a = &dumped.paths[i], *b = &closure.paths[i];

		assert_string_equal(a->path, b->path);
		assert_memory_equal(a->nar_hash, b->nar_hash, sizeof(a->nar_hash));
		assert_int_equal(a->nar_size, b->nar_size);
		assert_int_equal(a->references.count, b->references.count);
		assert_non_null(a->deriver);
		assert_null(b->deriver);
	}
}

static void paths_are_found(void **state)
{
	CLEANUP_REGISTRATION struct registration registration = {0};
	const struct registered_path *nix;

	(void)state;
	assert_null(registration_find(&registration, NIX));
	read_case("closure-info", &registration);
	nix = registration_find(&registration, NIX);
	assert_non_null(nix);
	assert_string_equal(nix->path, NIX);
	assert_int_equal(nix->nar_size, 12064896);
	assert_int_equal(nix->line, 13);
	assert_int_equal(nix->references.count, 2);
	assert_string_equal(nix->references.items[0], GLIBC);
	for (size_t i = 0; i < registration.count; i++)
		assert_ptr_equal(registration_find(&registration, registration.paths[i].path),
				 &registration.paths[i]);
	assert_null(registration_find(&registration, NIX "x"));
	assert_null(registration_find(&registration, ""));
}

/* COUNT paths that differ in their hash part. */
static void add_paths(struct strbuf *out, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		strbuf_printf(out,
			      "/nix/store/%032u-x\n"
			      "dd3cbe2e779d70b4055d0da511416c827a5b1e9205ce98b1d4540a645c7bd8cb\n"
			      "120\n\n0\n",
			      i);
}

static void paths_are_bounded(void **state)
{
	CLEANUP_STRBUF struct strbuf text = STRBUF_INIT(REGISTRATION_MAX_BYTES + 1);
	CLEANUP_REGISTRATION struct registration registration = {0};
	struct error error = {0};

	(void)state;
	add_paths(&text, REGISTRATION_MAX_PATHS);
	assert_int_equal(registration_parse(text.data, text.length, "text", &registration, &error),
			 0);
	assert_int_equal(registration.count, REGISTRATION_MAX_PATHS);
	strbuf_puts(&text, GLIBC "\n");
	assert_int_equal(registration_parse(text.data, text.length, "text", &registration, &error),
			 -1);
	assert_string_equal(error.message, "text: line 500001: more than 100000 store paths");
	assert_int_equal(registration.count, REGISTRATION_MAX_PATHS); /* as it was */
	assert_int_equal(registration_parse(text.data, REGISTRATION_MAX_BYTES + 1, "text",
					    &registration, &error),
			 -1);
	assert_string_equal(error.message, "text: more than 64 MiB");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_case_is_judged),
		cmocka_unit_test(printed_as_nix_prints_it),
		cmocka_unit_test(both_forms_say_the_same),
		cmocka_unit_test(paths_are_found),
		cmocka_unit_test(paths_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
