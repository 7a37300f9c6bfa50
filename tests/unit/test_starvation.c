/* SPDX-License-Identifier: Zlib */
/* What the scheduler says of a process that wants to run. */
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/run.h"
#include "agent/starvation.h"
#include "tests/unit/check.h"

#define PATIENCE_US 5000000

static pid_t fork_spinner(void)
{
	pid_t pid = fork();

	if (pid == 0)
		for (volatile unsigned int i = 0;; i++)
			continue;
	return pid;
}

static void end(pid_t pid)
{
	(void)kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static bool comes_to_be(bool (*is_so)(pid_t), pid_t pid, bool wanted)
{
	int64_t end_us = run_clock_us() + PATIENCE_US;

	while (is_so(pid) != wanted && run_clock_us() < end_us)
		continue;
	return is_so(pid) == wanted;
}

/* More processes than processors: each is kept from running for a time, and that time is given back. */
static void who_shares_a_processor_waits(void **state)
{
	int64_t end_us = run_clock_us() + PATIENCE_US, budget_end_us = starvation_end_us(0),
		before_us;
	long count = sysconf(_SC_NPROCESSORS_ONLN);
	pid_t *rivals;

	(void)state;
	if (access("/proc/self/schedstat", R_OK))
		skip();
	rivals = calloc((size_t)count + 1, sizeof(*rivals));
	for (long i = 0; i <= count; i++)
		rivals[i] = fork_spinner();
	before_us = starvation_us(0);
	while (starvation_us(0) - before_us < 10000 && run_clock_us() < end_us)
		continue;
	assert_true(starvation_us(0) - before_us >= 10000);
	assert_true(starvation_left_us(budget_end_us) > budget_end_us - run_clock_us());
	assert_true(starvation_given_us(0) > starvation_us(0));
	for (long i = 0; i <= count; i++)
		end(rivals[i]);
	free(rivals);
}

static void who_sleeps_or_spins_is_not_kept_from_running(void **state)
{
	pid_t spinner = fork_spinner();
	pid_t sleeper = fork();

	(void)state;
	if (sleeper == 0)
		for (;;)
			pause();
	assert_true(comes_to_be(starvation_is_now, sleeper, false));
	assert_true(comes_to_be(starvation_is_now, spinner, false)); /* once it has had its share */
	end(sleeper);
	end(spinner);
}

static void who_could_go_on_and_did_little_waits(void **state)
{
	pid_t spinner = fork_spinner();

	(void)state;
	assert_true(starvation_is_now(spinner));
	end(spinner);
}

static void nobody_is_kept_from_nothing(void **state)
{
	pid_t gone = fork_spinner();

	(void)state;
	end(gone);
	assert_false(starvation_is_now(gone));
	assert_int_equal(starvation_us(gone), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_shares_a_processor_waits),
		cmocka_unit_test(who_sleeps_or_spins_is_not_kept_from_running),
		cmocka_unit_test(who_could_go_on_and_did_little_waits),
		cmocka_unit_test(nobody_is_kept_from_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
