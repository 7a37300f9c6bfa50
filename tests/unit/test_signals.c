/* SPDX-License-Identifier: Zlib */
/* Signals are held, taken, and given back as they were; what spoils a proof is mended. Each case is a process of its own. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/inherited.h"
#include "agent/run.h"
#include "agent/signals.h"
#include "tests/unit/check.h"

/* The status of a process that does this, as a shell would say it. */
static int status_of(void (*act)(void))
{
	int status = 0;
	pid_t child = fork();

	if (child == 0) {
		(void)signal(SIGTERM, SIG_DFL);
		act();
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static bool is_ignored(int number)
{
	struct sigaction action;

	return sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

static void write_to_nobody(void)
{
	int pipe_fds[2];

	if (pipe(pipe_fds) < 0 || close(pipe_fds[0]) < 0 || write(pipe_fds[1], "x", 1) >= 0)
		_exit(1);
	_exit(errno == EPIPE && !is_ignored(SIGPIPE) ? 0 : 2);
}

static void write_to_nobody_prepared(void)
{
	signals_make_writes_fail();
	write_to_nobody();
}

static void keep_what_is_ignored(void)
{
	(void)signal(SIGPIPE, SIG_IGN);
	signals_make_writes_fail();
	_exit(is_ignored(SIGPIPE) ? 0 : 1);
}

static void take_one_that_was_held(void)
{
	struct signals signals;

	signals_hold(&signals);
	(void)raise(SIGTERM);
	_exit(signals_wait(&signals, run_clock_us() + 20000000) == SIGTERM ? 0 : 1);
}

static void take_one_that_came_late(void)
{
	struct signals signals;

	signals_hold(&signals);
	(void)raise(SIGTERM);
	_exit(signals_wait(&signals, run_clock_us() - 1) == SIGTERM ? 0 : 1);
}

static void wait_in_vain(void)
{
	struct signals signals;
	int64_t begun_us = run_clock_us();

	signals_hold(&signals);
	_exit(signals_wait(&signals, begun_us + 5000) == 0 && run_clock_us() >= begun_us + 5000
		      ? 0
		      : 1);
}

static void leave_one_pending(void)
{
	struct signals signals;

	signals_hold(&signals);
	(void)raise(SIGTERM);
	signals_release(&signals);
}

static void hear_one_after_the_release(void)
{
	struct signals signals;

	signals_hold(&signals);
	signals_release(&signals);
	(void)raise(SIGINT);
}

static void pass_over_what_is_ignored(void)
{
	struct signals signals;

	(void)signal(SIGTERM, SIG_IGN);
	signals_hold(&signals);
	(void)raise(SIGTERM);
	_exit(signals_wait(&signals, run_clock_us() + 5000) == 0 ? 0 : 1);
}

static void give_everything_back(void)
{
	sigset_t before, after;
	struct signals signals;

	sigemptyset(&before);
	sigaddset(&before, SIGUSR1);
	sigaddset(&before, SIGTERM);
	sigaddset(&before, SIGCHLD);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	(void)signal(SIGCHLD, SIG_IGN);
	signals_hold(&signals);
	(void)raise(SIGCHLD);
	signals_release(&signals);
	(void)sigprocmask(SIG_SETMASK, NULL, &after);
	for (int number = 1; number < 32; number++)
		if (sigismember(&before, number) != sigismember(&after, number))
			_exit(1);
	(void)sigpending(&after);
	_exit(is_ignored(SIGCHLD) && sigismember(&after, SIGCHLD) == 0 ? 0 : 2);
}

/* Everything that a caller can spoil, and the end of a process that only the alarm ends. */
static void mend_what_was_left(void)
{
	sigset_t all;
	mode_t mask;

	sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, NULL);
	(void)signal(SIGCHLD, SIG_IGN);
	(void)signal(SIGALRM, SIG_IGN);
	(void)umask(0727);
	inherited_mend();
	mask = umask(0);
	if (mask != 027 || is_ignored(SIGCHLD))
		_exit(1);
	(void)raise(SIGALRM);
}

static void cases(void **state)
{
	static const struct {
		void (*act)(void);
		int status;
	} rows[] = {
		{write_to_nobody, 128 + SIGPIPE},
		{write_to_nobody_prepared, 0},
		{keep_what_is_ignored, 0},
		{take_one_that_was_held, 0},
		{take_one_that_came_late, 0},
		{wait_in_vain, 0},
		{leave_one_pending, 143},
		{hear_one_after_the_release, 130},
		{pass_over_what_is_ignored, 0},
		{give_everything_back, 0},
		{mend_what_was_left, 128 + SIGALRM},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		if (status_of(rows[i].act) != rows[i].status)
			fail_msg("row %zu", i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(cases)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
