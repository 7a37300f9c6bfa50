/* SPDX-License-Identifier: Zlib */
/* Work in a process of its own: how it can end, what it leaves behind, and what the command gets. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/error.h"
#include "agent/exec.h"
#include "agent/strbuf.h"
#include "tests/unit/check.h"

static int hand_a_word_over(const void *data, unsigned int *timeout_ms, struct strbuf *block)
{
	(void)timeout_ms;
	strbuf_add(block, data, strlen(data) + 1);
	return 3;
}

static int hand_too_much_over(const void *data, unsigned int *timeout_ms, struct strbuf *block)
{
	(void)timeout_ms;
	for (size_t i = 0; i <= EXEC_MAX_BLOCK_BYTES; i++)
		strbuf_add(block, data, 1);
	return 0;
}

static int be_killed(const void *data, unsigned int *timeout_ms, struct strbuf *block)
{
	(void)timeout_ms;
	strbuf_puts(block, data);
	(void)raise(SIGKILL);
	return 0;
}

static int hang(const void *data, unsigned int *timeout_ms, struct strbuf *block)
{
	(void)timeout_ms;
	(void)data;
	(void)block;
	(void)raise(SIGSTOP);
	return 0;
}

static int signal_the_parent(const void *data, unsigned int *timeout_ms, struct strbuf *block)
{
	(void)timeout_ms;
	(void)block;
	(void)kill(getppid(), *(const int *)data);
	(void)raise(SIGSTOP);
	return 0;
}

/* Needs more time than it was given, and knows it. */
static int ask_for_more(const void *data, unsigned int *timeout_ms, struct strbuf *block)
{
	*timeout_ms = 20000;
	(void)poll(NULL, 0, 200);
	strbuf_puts(block, data);
	return 0;
}

static void wait_forever(void)
{
	for (;;)
		(void)pause();
}

/* Starts a process that outlives this one, and hands its number over. */
static int leave_one_behind(const void *data, unsigned int *timeout_ms, struct strbuf *block)
{
	pid_t left = fork();

	(void)timeout_ms;
	(void)data;
	if (left == 0)
		wait_forever();
	strbuf_printf(block, "%d", (int)left);
	return 0;
}

static bool has_shared_memory(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[512];
	bool has = false;

	while (maps && fgets(line, sizeof(line), maps))
		has |= strstr(line, " rw-s ") != NULL;
	if (maps)
		(void)fclose(maps);
	return has;
}

static int look_for_shared_memory(const void *data, unsigned int *timeout_ms, struct strbuf *block)
{
	int status = 0;
	pid_t child = fork();

	(void)timeout_ms;
	(void)data;
	(void)block;
	if (child == 0)
		_exit(has_shared_memory() ? 1 : 0);
	(void)waitpid(child, &status, 0);
	return has_shared_memory() && status == 0 ? 0 : 1;
}

static struct exec_result supervise(int (*run)(const void *data, unsigned int *timeout_ms,
					       struct strbuf *block),
				    const void *data, struct strbuf *block)
{
	const struct exec_work work = {run, data, run == hang || run == ask_for_more ? 50 : 20000};
	struct exec_result result;
	struct signals signals;

	signals_hold(&signals);
	exec_supervise(&work, &signals, &result, block);
	signals_release(&signals);
	(void)signal(SIGTERM, SIG_DFL);
	return result;
}

static void ends(void **state)
{
	static const int term = SIGTERM;
	static const struct {
		int (*run)(const void *data, unsigned int *timeout_ms, struct strbuf *block);
		const void *data;
		struct exec_result result;
		size_t length;
	} rows[] = {
		{hand_a_word_over, "word", {EXEC_DONE, 3}, 5},
		{hand_too_much_over, "x", {EXEC_DONE, 0}, 0},
		{be_killed, "word", {EXEC_KILLED, SIGKILL}, 0},
		{hang, NULL, {EXEC_TIMEOUT, 0}, 0},
		{ask_for_more, "word", {EXEC_DONE, 0}, 4},
		{signal_the_parent, &term, {EXEC_INTERRUPTED, SIGTERM}, 0},
		{look_for_shared_memory, NULL, {EXEC_DONE, 0}, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct strbuf block = STRBUF_INIT(EXEC_MAX_BLOCK_BYTES);
		struct exec_result result = supervise(rows[i].run, rows[i].data, &block);

		assert_int_equal(result.end, rows[i].result.end);
		assert_int_equal(result.status, rows[i].result.status);
		assert_int_equal(block.length, rows[i].length);
		assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
		assert_int_equal(errno, ECHILD);
		strbuf_release(&block);
	}
}

static void nothing_is_left_behind(void **state)
{
	struct strbuf block = STRBUF_INIT(EXEC_MAX_BLOCK_BYTES);
	int was_reaper = 1;
	pid_t left;

	(void)state;
	assert_int_equal(supervise(leave_one_behind, NULL, &block).end, EXEC_DONE);
	left = (pid_t)strtol(block.data, NULL, 10);
	assert_true(left > 1);
	assert_int_equal(kill(left, 0), -1);
	assert_int_equal(errno, ESRCH);
	assert_int_equal(prctl(PR_GET_CHILD_SUBREAPER, &was_reaper, 0, 0, 0), 0);
	assert_false(was_reaper);
	strbuf_release(&block);
}

/* A process of the caller's that was there before is none of the session. */
static void the_callers_children_live_on(void **state)
{
	struct strbuf block = STRBUF_INIT(EXEC_MAX_BLOCK_BYTES);
	pid_t before = fork();

	(void)state;
	if (before == 0)
		wait_forever();
	assert_int_equal(supervise(hand_a_word_over, "x", &block).end, EXEC_DONE);
	assert_int_equal(waitpid(before, NULL, WNOHANG), 0);
	assert_int_equal(kill(before, SIGKILL), 0);
	assert_int_equal(waitpid(before, NULL, 0), before);
	strbuf_release(&block);
}

static void what_the_command_gets(void **state)
{
	static const char texts[] =
		"B=new\0C=\0NOVALUE\0GITHUB_X=1\0NODE_OPTIONS=x\0A B=1\0=x\0D==\n=";
	static const char *const expected[] = {"A=1", "B=new", "BB=3", "C=", "D==\n=", NULL};
	char *before[] = {"A=1", "B=2", "BB=3", NULL};
	struct strbuf block = STRBUF_INIT(EXEC_MAX_BLOCK_BYTES);
	struct strbuf nothing = STRBUF_INIT(1);
	char **list;

	(void)state;
	strbuf_add(&block, texts, sizeof(texts));
	list = exec_environment(before, &block);
	for (size_t i = 0; expected[i]; i++)
		assert_string_equal(list[i], expected[i]);
	assert_null(list[COUNT(expected) - 1]);
	free(list);
	list = exec_environment(before, &nothing);
	assert_memory_equal(list, before, sizeof(before));
	free(list);
	strbuf_release(&block);
}

static void what_cannot_be_run(void **state)
{
	static const struct {
		char *program;
		int status;
		const char *why;
	} rows[] = {
		{"/nonexistent", 127, "/nonexistent cannot be run: there is no program"},
		{"no-such-program", 127, "no-such-program cannot be run: there is no program"},
		{"", 127, " cannot be run: there is no program"},
		{"/etc/passwd", 126, "/etc/passwd cannot be run: Permission denied"},
		{"/etc/passwd/x", 126, "/etc/passwd/x cannot be run: Not a directory"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char *arguments[] = {rows[i].program, NULL},
		     *environment[] = {"PATH=/usr/bin", NULL};
		char **before = environ;
		struct error error = {0};

		assert_int_equal(exec_become(arguments, environment, &error), rows[i].status);
		assert_memory_equal(error.message, rows[i].why, strlen(rows[i].why));
		assert_ptr_equal(environ, before);
	}
}

/* What we added must not be what the command cannot be started for. */
static void an_environment_that_is_too_long(void **state)
{
	char *long_value = malloc(200001);
	char *arguments[] = {"/bin/sh", "-c", "exit 5", NULL}, *environment[] = {long_value, NULL};
	struct error error = {0};
	int status = 0;
	pid_t child;

	(void)state;
	memset(long_value, 'x', 200000);
	long_value[200000] = '\0';
	child = fork();
	if (child == 0)
		_exit(exec_become(arguments, environment, &error));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(WEXITSTATUS(status), 5);
	free(long_value);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ends),
		cmocka_unit_test(nothing_is_left_behind),
		cmocka_unit_test(the_callers_children_live_on),
		cmocka_unit_test(what_the_command_gets),
		cmocka_unit_test(what_cannot_be_run),
		cmocka_unit_test(an_environment_that_is_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
