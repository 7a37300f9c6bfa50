/* SPDX-License-Identifier: Zlib */
/* Programs of the image: bounded in time and output, with a clean environment, nothing left behind. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/root.h"
#include "agent/spawn.h"
#include "agent/strbuf.h"
#include "tests/unit/check.h"

#define SHELL "/bin/sh"

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static struct spawn_result run_shell(const char *script, unsigned int timeout_ms,
				     struct strbuf *output)
{
	char *arguments[] = {(char[]){"sh"}, (char[]){"-c"}, strdup(script), NULL};
	char *environment[] = {(char[]){"PATH=/usr/bin:/bin"}, (char[]){"MARK=yes"}, NULL};
	const struct spawn_request request = {
		.path = SHELL,
		.arguments = arguments,
		.environment = environment,
		.timeout_ms = timeout_ms,
	};
	struct spawn_result result;
	struct root root;

	assert_int_equal(root_open_directory(&root, NULL, NULL), 0);
	spawn_read(&root, &request, &result, output);
	root_close(&root);
	free(arguments[2]);
	return result;
}

static void ends_and_outputs(void **state)
{
	static const struct {
		const char *script;
		enum spawn_end end;
		int status;
		const char *output;
	} cases[] = {
		{"echo out; echo error >&2", SPAWN_EXITED, 0, "out\nerror\n"},
		{"exit 7", SPAWN_EXITED, 7, ""},
		{"echo x; kill -9 $$", SPAWN_KILLED, SIGKILL, "x\n"},
		{"cat; echo end", SPAWN_EXITED, 0, "end\n"},
		{"echo $MARK${HOME-none}", SPAWN_EXITED, 0, "yesnone\n"},
		{"pwd", SPAWN_EXITED, 0, "/\n"},
		/* a process group of its own */
		{"read pid name state parent group rest </proc/self/stat; test $group = $$",
		 SPAWN_EXITED, 0, ""},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		CLEANUP_STRBUF struct strbuf output = STRBUF_INIT(1000);
		struct spawn_result result = run_shell(cases[i].script, 10000, &output);

		assert_int_equal(result.end, cases[i].end);
		assert_int_equal(result.status, cases[i].status);
		assert_string_equal(output.data, cases[i].output);
	}
}

static void output_is_bounded(void **state)
{
	CLEANUP_STRBUF struct strbuf output = STRBUF_INIT(5000);
	struct spawn_result result;

	(void)state;
	result = run_shell("i=0; while [ $i -lt 3000 ]; do echo 123456789012345678901234567890; "
			   "i=$((i+1)); done",
			   10000, &output);
	assert_int_equal(result.end, SPAWN_EXITED);
	assert_int_equal(output.length, 5000);
	assert_true(output.is_truncated);
}

static void time_is_bounded(void **state)
{
	static const char *const scripts[] = {
		"while :; do :; done",
		"trap '' TERM INT HUP; while :; do echo x; done",
		"sleep 100 & wait",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(scripts); i++) {
		CLEANUP_STRBUF struct strbuf output = STRBUF_INIT(1000);
		long start = now_ms();

		assert_int_equal(run_shell(scripts[i], 200, &output).end, SPAWN_TIMEOUT);
		assert_in_range(now_ms() - start, 190, 5000);
	}
}

/* A grandchild that keeps the pipe open neither holds us up nor lives on. */
static void nothing_is_left_behind(void **state)
{
	CLEANUP_STRBUF struct strbuf output = STRBUF_INIT(1000);
	long start = now_ms();
	pid_t left;
	bool is_left = true;

	(void)state;
	assert_int_equal(run_shell("sleep 100 & echo $!", 10000, &output).end, SPAWN_EXITED);
	assert_in_range(now_ms() - start, 0, 5000);
	left = (pid_t)strtol(output.data, NULL, 10);
	assert_true(left > 1);
	while ((is_left = kill(left, 0) == 0) && now_ms() - start < 20000) {
		char path[64], text[256] = "";
		FILE *file;

		/* Killed already, but nobody here is there to reap orphans: a zombie. */
		(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)left);
		file = fopen(path, "re");
		if (file) {
			(void)!fgets(text, sizeof(text), file);
			fclose(file);
		}
		is_left = file && !strstr(text, ") Z ");
		if (!is_left)
			break;
		(void)poll(NULL, 0, 1);
	}
	assert_false(is_left);
}

static void descriptors_are_closed(void **state)
{
	CLEANUP_STRBUF struct strbuf output = STRBUF_INIT(1000);
	int leaked = open("/dev/null", O_RDONLY);

	(void)state;
	assert_true(leaked >= 3);
	assert_int_equal(run_shell("for fd in /proc/self/fd/*; do test ${fd##*/} -le 2 || "
				   "test ! -e $fd || echo $fd; done",
				   10000, &output)
				 .end,
			 SPAWN_EXITED);
	close(leaked);
	assert_string_equal(output.data, "");
}

static void leave_a_mark(void *context)
{
	(void)!write(SPAWN_INHERITED_FD, context, 5);
}

/* A shell finds at 3 and 4 what it is given, and may be given itself. */
static void descriptors_are_given(void **state)
{
	char *arguments[] = {(char[]){"sh"}, (char[]){"-c"},
			     (char[]){"echo more >&3; test -e /proc/self/fd/4 || echo closed; "
				      "test ! -e /proc/self/fd/5 || echo open"},
			     NULL};
	char seen[32] = "";
	struct spawn_request request = {
		.path = SHELL,
		.arguments = arguments,
		.environment = arguments + 3,
		.timeout_ms = 10000,
		.inherited = {memfd_create("given", MFD_CLOEXEC), open(SHELL, O_RDONLY)},
		.inherited_count = 2,
		.enter = leave_a_mark,
		.context = (char[]){"mark "},
	};
	struct root root;

	(void)state;
	assert_int_equal(root_open_directory(&root, NULL, NULL), 0);
	for (int i = 0; i < 2; i++) {
		CLEANUP_STRBUF struct strbuf output = STRBUF_INIT(1000);
		struct spawn_result result;

		spawn_read(&root, &request, &result, &output);
		assert_int_equal(result.end, SPAWN_EXITED);
		assert_string_equal(output.data, "");
		request.path = NULL; /* the second time by descriptor */
	}
	assert_int_equal(pread(request.inherited[0], seen, sizeof(seen), 0), 20);
	assert_string_equal(seen, "mark more\nmark more\n");
	close(request.inherited[0]);
	close(request.inherited[1]);
	root_close(&root);
}

static void what_cannot_be_run(void **state)
{
	static const struct {
		const char *path;
		int error;
	} cases[] = {
		{"/nonexistent/program", ENOENT},
		{"/", EACCES},
		{"/etc/passwd", EACCES},
		{"/etc/passwd/x", ENOTDIR},
	};
	char *arguments[] = {(char[]){"x"}, NULL};
	struct root root;

	(void)state;
	assert_int_equal(root_open_directory(&root, NULL, NULL), 0);
	for (size_t i = 0; i < COUNT(cases); i++) {
		CLEANUP_STRBUF struct strbuf output = STRBUF_INIT(1000);
		const struct spawn_request request = {
			.path = cases[i].path,
			.arguments = arguments,
			.environment = arguments + 1,
			.directory = "/nonexistent",
			.timeout_ms = 5000,
		};
		struct spawn_result result;

		spawn_read(&root, &request, &result, &output);
		assert_int_equal(result.end, SPAWN_NOT_STARTED);
		assert_int_equal(result.status, cases[i].error);
	}
	root_close(&root);
}

static void path_is_searched(void **state)
{
	static const struct {
		const char *path_list;
		const char *found; /* NULL: nothing */
	} cases[] = {
		{"/one:/two", "/two/tool"},
		{"/two:/three", "/two/tool"},
		{"/three:/two", "/three/tool"},
		{"/missing:/three/", "/three//tool"},
		{"/one", NULL},  /* there, but not executable */
		{"/four", NULL}, /* a directory of that name */
		{"", NULL},
		{":", NULL},
		{"two:.:./two", NULL},
		{"/link", "/link/tool"},
		{"/out", NULL}, /* leads to the real machine's /bin */
	};
	struct root root;

	(void)state;
	assert_int_equal(root_open_directory(&root, "fixtures/toolchain/path/root", NULL), 0);
	for (size_t i = 0; i < COUNT(cases); i++) {
		CLEANUP_STRBUF struct strbuf found = STRBUF_INIT(1000);
		bool is_found = spawn_find(&root, "tool", cases[i].path_list, &found);

		assert_int_equal(is_found, cases[i].found != NULL);
		assert_string_equal(found.data, cases[i].found ? cases[i].found : "");
	}
	root_close(&root);
}

/* A program of a fake machine runs by its descriptor. */
static void a_fake_machines_program(void **state)
{
	CLEANUP_STRBUF struct strbuf output = STRBUF_INIT(1000);
	char *arguments[] = {(char[]){"tool"}, (char[]){"word"}, NULL};
	const struct spawn_request request = {
		.path = "/three/tool",
		.arguments = arguments,
		.environment = arguments + 2,
		.timeout_ms = 5000,
	};
	struct spawn_result result;
	struct root root;

	(void)state;
	assert_int_equal(root_open_directory(&root, "fixtures/toolchain/path/root", NULL), 0);
	spawn_read(&root, &request, &result, &output);
	root_close(&root);
	assert_int_equal(result.end, SPAWN_EXITED);
	assert_string_equal(output.data, "three word\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ends_and_outputs),        cmocka_unit_test(output_is_bounded),
		cmocka_unit_test(time_is_bounded),         cmocka_unit_test(nothing_is_left_behind),
		cmocka_unit_test(descriptors_are_closed),  cmocka_unit_test(descriptors_are_given),
		cmocka_unit_test(what_cannot_be_run),      cmocka_unit_test(path_is_searched),
		cmocka_unit_test(a_fake_machines_program),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
