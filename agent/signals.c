/* SPDX-License-Identifier: Zlib */
/* Signals, held and given back. Exec resets every handler to the default and keeps what is ignored:
 * so a handler that does nothing needs no undoing, where ignoring would. */
#include "agent/signals.h"

#include <stdbool.h>
#include <stddef.h>
#include <time.h>
#include <unistd.h>

#include "agent/run.h"

static const int ends[] = {SIGTERM, SIGINT, SIGHUP};

#define END_COUNT (sizeof(ends) / sizeof(ends[0]))

static bool is_ignored(int number)
{
	struct sigaction action;

	return sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

static void do_nothing(int number)
{
	(void)number;
}

void signals_make_writes_fail(void)
{
	static const int numbers[] = {SIGPIPE, SIGXFSZ};
	struct sigaction action = {.sa_handler = do_nothing, .sa_flags = SA_RESTART};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (!is_ignored(numbers[i]))
			(void)sigaction(numbers[i], &action, NULL);
}

void signals_hold(struct signals *ret)
{
	struct sigaction plain = {.sa_handler = SIG_DFL};

	sigemptyset(&ret->ends);
	(void)sigprocmask(SIG_BLOCK, NULL, &ret->old_mask);
	for (size_t i = 0; i < END_COUNT; i++)
		if (!is_ignored(ends[i]) && sigismember(&ret->old_mask, ends[i]) == 0)
			sigaddset(&ret->ends, ends[i]);
	ret->held = ret->ends;
	sigaddset(&ret->held, SIGCHLD);
	/* Where SIGCHLD is ignored, nobody is told of a child's end, and its status is lost. */
	(void)sigaction(SIGCHLD, &plain, &ret->old_child);
	(void)sigprocmask(SIG_BLOCK, &ret->held, NULL);
}

int signals_wait(const struct signals *signals, int64_t until_us)
{
	for (;;) {
		int64_t left_us = until_us - run_clock_us();
		struct timespec timeout = {0};
		int number;

		if (left_us > 0)
			timeout = (struct timespec){
				.tv_sec = left_us / 1000000,
				.tv_nsec = left_us % 1000000 * 1000,
			};
		number = sigtimedwait(&signals->held, NULL, &timeout);
		if (number > 0)
			return number;
		if (left_us <= 0)
			return 0;
	}
}

static void end_by(int number)
{
	_exit(128 + number);
}

void signals_release(const struct signals *signals)
{
	struct sigaction action = {.sa_handler = end_by};

	for (size_t i = 0; i < END_COUNT; i++)
		if (sigismember(&signals->ends, ends[i]) == 1)
			(void)sigaction(ends[i], &action, NULL);
	(void)sigaction(SIGCHLD, &signals->old_child, NULL); /* drops one that is pending, too */
	(void)sigprocmask(SIG_SETMASK, &signals->old_mask, NULL);
}
