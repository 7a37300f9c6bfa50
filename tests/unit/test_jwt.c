/* SPDX-License-Identifier: Zlib */
/* Attic tokens: claims, and whose entry decides for a cache. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cleanup.h"
#include "agent/jwt.h"
#include "agent/mem.h"
#include "agent/strbuf.h"
#include "tests/unit/check.h"
#include "tests/unit/fixture.h"

static char *time_text(bool is_there, int64_t seconds)
{
	return is_there ? mem_format("%" PRId64, seconds) : mem_strdup("-");
}

static void check_case(const char *name)
{
	CLEANUP_STRBUF struct strbuf text = STRBUF_INIT(100000);
	CLEANUP_STRBUF struct strbuf expected = STRBUF_INIT(1000);
	CLEANUP_FREE char *expiry = NULL;
	CLEANUP_FREE char *not_before = NULL;
	CLEANUP_FREE char *seen = NULL;
	struct attic_token token;

	fixture_read("jwt", name, "token", &text);
	fixture_expected("jwt", name, &expected);
	if (!attic_token_read(text.data, "main", &token)) {
		assert_string_equal(expected.data, "none");
		return;
	}
	expiry = time_text(token.has_expiry, token.expiry);
	not_before = time_text(token.has_not_before, token.not_before);
	seen = mem_format("exp=%s nbf=%s permissions=%d entry=%s pull=%d push=%d", expiry,
			  not_before, token.has_permissions, token.pattern, token.may_pull,
			  token.may_push);
	assert_string_equal(seen, expected.data);
}

static void each_token_is_read(void **state)
{
	(void)state;
	fixture_each("jwt", 21, check_case);
}

/* Attic's own example: an early narrow pattern hides a later wide one. */
static void the_first_pattern_decides(void **state)
{
	CLEANUP_STRBUF struct strbuf text = STRBUF_INIT(100000);
	struct attic_token token;

	(void)state;
	fixture_read("jwt", "first-pattern-wins", "token", &text);
	assert_true(attic_token_read(text.data, "mail", &token));
	assert_string_equal(token.pattern, "ma*");
	assert_false(token.may_push);
	assert_true(attic_token_read(text.data, "other", &token));
	assert_string_equal(token.pattern, "");
	assert_false(token.may_pull);
}

static void a_huge_token_is_no_token(void **state)
{
	CLEANUP_FREE char *huge = mem_alloc(JWT_MAX_BYTES + 10, 1);
	struct attic_token token;

	(void)state;
	memset(huge, 'A', JWT_MAX_BYTES + 8);
	huge[10] = huge[20] = '.';
	assert_false(attic_token_read(huge, "main", &token));
	assert_false(attic_token_read("", "main", &token));
	assert_false(attic_token_read("..", "main", &token));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_token_is_read),
		cmocka_unit_test(the_first_pattern_decides),
		cmocka_unit_test(a_huge_token_is_no_token),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
