/* SPDX-License-Identifier: Zlib */
/* As much of cmocka as the unit tests use, for a build that no Debian package of it fits: static, with musl, for
 * another machine. */
#pragma once

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int cmocka_fixture(void **state);

struct CMUnitTest {
	const char *name;
	void (*run)(void **state);
	cmocka_fixture *set_up;
	cmocka_fixture *tear_down;
};

enum cmocka_end { CMOCKA_PASSED, CMOCKA_FAILED, CMOCKA_SKIPPED };

/* Where the running test is left; one for all files of a program. */
__attribute__((weak)) jmp_buf *cmocka_escape;

static inline _Noreturn void cmocka_leave(enum cmocka_end end, const char *file, int line)
{
	(void)fprintf(stderr, "%s:%d: %s\n", file, line,
		      end == CMOCKA_SKIPPED ? "skipped" : "failed");
	if (!cmocka_escape)
		abort();
	longjmp(*cmocka_escape, (int)end);
}

#define CMOCKA_LEAVE(end) cmocka_leave(end, __FILE__, __LINE__)
#define skip() CMOCKA_LEAVE(CMOCKA_SKIPPED)
#define fail() CMOCKA_LEAVE(CMOCKA_FAILED)
#define print_message(...) (void)printf(__VA_ARGS__)
#define print_error(...) (void)fprintf(stderr, __VA_ARGS__)
#define fail_msg(...)                                                                              \
	do {                                                                                       \
		print_error(__VA_ARGS__);                                                          \
		print_error("\n");                                                                 \
		fail();                                                                            \
	} while (0)

static inline void cmocka_true(intmax_t is_true, const char *text, const char *file, int line)
{
	if (is_true)
		return;
	print_error("not so: %s\n", text);
	cmocka_leave(CMOCKA_FAILED, file, line);
}

static inline void cmocka_equal(intmax_t a, intmax_t b, const char *file, int line)
{
	if (a == b)
		return;
	print_error("%jd (%#jx) != %jd (%#jx)\n", a, (uintmax_t)a, b, (uintmax_t)b);
	cmocka_leave(CMOCKA_FAILED, file, line);
}

static inline void cmocka_same_text(const char *a, const char *b, const char *file, int line)
{
	if (strcmp(a, b) == 0)
		return;
	print_error("\"%s\" != \"%s\"\n", a, b);
	cmocka_leave(CMOCKA_FAILED, file, line);
}

static inline void cmocka_within(uintmax_t a, uintmax_t least, uintmax_t most, const char *file,
				 int line)
{
	if (a >= least && a <= most)
		return;
	print_error("%ju is not in %ju..%ju\n", a, least, most);
	cmocka_leave(CMOCKA_FAILED, file, line);
}

#define assert_true(a) cmocka_true((intmax_t)(a) != 0, #a, __FILE__, __LINE__)
#define assert_false(a) cmocka_true((intmax_t)(a) == 0, "!(" #a ")", __FILE__, __LINE__)
#define assert_null(a) cmocka_true(!(a), #a " is NULL", __FILE__, __LINE__)
#define assert_non_null(a) cmocka_true(!!(a), #a " is not NULL", __FILE__, __LINE__)
#define assert_ptr_equal(a, b) cmocka_true((a) == (b), #a " == " #b, __FILE__, __LINE__)
#define assert_int_equal(a, b) cmocka_equal((intmax_t)(a), (intmax_t)(b), __FILE__, __LINE__)
#define assert_int_not_equal(a, b) cmocka_true((a) != (b), #a " != " #b, __FILE__, __LINE__)
#define assert_string_equal(a, b) cmocka_same_text(a, b, __FILE__, __LINE__)
#define assert_string_not_equal(a, b)                                                              \
	cmocka_true(strcmp(a, b) != 0, #a " is not " #b, __FILE__, __LINE__)
#define assert_memory_equal(a, b, size)                                                            \
	cmocka_true(memcmp(a, b, size) == 0, #a " holds " #b, __FILE__, __LINE__)
#define assert_in_range(a, least, most)                                                            \
	cmocka_within((uintmax_t)(a), (uintmax_t)(least), (uintmax_t)(most), __FILE__, __LINE__)

#define cmocka_unit_test(run)                                                                      \
	{                                                                                          \
#run, run, NULL, NULL                                                              \
	}
#define cmocka_unit_test_setup_teardown(run, set_up, tear_down)                                    \
	{                                                                                          \
#run, run, set_up, tear_down                                                       \
	}
#define cmocka_run_group_tests(tests, set_up, tear_down)                                           \
	cmocka_run(tests, sizeof(tests) / sizeof((tests)[0]), set_up, tear_down)

static inline enum cmocka_end cmocka_run_one(const struct CMUnitTest *test, void **state)
{
	jmp_buf escape;
	enum cmocka_end end;

	cmocka_escape = &escape;
	end = (enum cmocka_end)setjmp(escape);
	if (end == CMOCKA_PASSED) {
		cmocka_true(!test->set_up || test->set_up(state) == 0, "set-up", test->name, 0);
		test->run(state);
	}
	cmocka_escape = NULL;
	if (test->tear_down && test->tear_down(state) != 0)
		end = CMOCKA_FAILED;
	return end;
}

/* The tests that $LEFT_OUT names, a space on either side, are not run. Sets LEFT to what is left of it. */
static inline bool cmocka_is_left_out(const char *name, char *left)
{
	char word[256];
	char *found;

	(void)snprintf(word, sizeof(word), " %s ", name);
	found = strstr(left, word);
	if (found)
		memset(found, ' ', strlen(word));
	return found != NULL;
}

/* Returns how many failed; a name in $LEFT_OUT that is none of the tests' counts. */
static inline int cmocka_run(const struct CMUnitTest *tests, size_t count, cmocka_fixture *set_up,
			     cmocka_fixture *tear_down)
{
	static const char *const names[] = {"      OK", " FAILED ", " SKIPPED"};
	unsigned int ends[3] = {0};
	char *left = strdup(getenv("LEFT_OUT") ? getenv("LEFT_OUT") : "");
	void *state = NULL;

	if (set_up && set_up(&state) != 0)
		return 1;
	for (size_t i = 0; i < count; i++) {
		void *own = state;
		enum cmocka_end end = cmocka_is_left_out(tests[i].name, left)
					      ? CMOCKA_SKIPPED
					      : cmocka_run_one(&tests[i], &own);

		ends[end]++;
		print_error("[ %s ] %s\n", names[end], tests[i].name);
	}
	if (tear_down && tear_down(&state) != 0)
		ends[CMOCKA_FAILED]++;
	if (left[strspn(left, " ")] != '\0') {
		print_error("LEFT_OUT names no test of this program: %s\n", left);
		ends[CMOCKA_FAILED]++;
	}
	free(left);
	print_error("[  PASSED  ] %u test(s), %u skipped.\n", ends[CMOCKA_PASSED],
		    ends[CMOCKA_SKIPPED]);
	return (int)ends[CMOCKA_FAILED];
}
