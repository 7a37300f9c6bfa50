/* SPDX-License-Identifier: Zlib */
/* How long a process was kept from running, by the scheduler's own count. */
#include "agent/starvation.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/run.h"

#define TIMES_GIVEN_BACK 3
#define MAX_GIVEN_US 20000000 /* a bound for all that happens on a machine without end of work */
#define MAX_RUN_NS 250000000u /* a probe computes for some milliseconds */
#define MIN_WAITED_NS 100000000u
#define MAX_TEXT_BYTES 1024u

/* On a processor, and waiting for one. */
struct scheduled {
	unsigned long long ran_ns, waited_ns;
};

/* Reads /proc/PID/NAME as text; "" where that cannot be. */
static void read_proc(pid_t pid, const char *name, char ret[MAX_TEXT_BYTES])
{
	char path[64];
	CLEANUP_CLOSE int fd = -1;
	ssize_t length;

	if (pid)
		(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	else
		(void)snprintf(path, sizeof(path), "/proc/self/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	length = fd < 0 ? -1 : read(fd, ret, MAX_TEXT_BYTES - 1);
	ret[length > 0 ? length : 0] = '\0';
}

static struct scheduled scheduled_of(pid_t pid)
{
	char text[MAX_TEXT_BYTES], *second;
	struct scheduled ret = {0};

	read_proc(pid, "schedstat", text);
	ret.ran_ns = strtoull(text, &second, 10);
	ret.waited_ns = strtoull(second, NULL, 10);
	return ret;
}

/* proc_pid_stat(5): the state stands behind the name, which may hold anything. */
static char state_of(pid_t pid)
{
	char text[MAX_TEXT_BYTES];
	const char *name_end;

	read_proc(pid, "stat", text);
	name_end = strrchr(text, ')');
	return name_end && name_end[1] == ' ' ? name_end[2] : '\0';
}

/* Where others had to wait, a lock in the kernel may have a holder that cannot run. */
static bool is_machine_short(const struct scheduled *one)
{
	return one->waited_ns + scheduled_of(0).waited_ns >= MIN_WAITED_NS;
}

bool starvation_is_now(pid_t pid)
{
	const char state = state_of(pid);
	const struct scheduled scheduled = scheduled_of(pid);
	bool can_go_on = state == 'R' || (state == 'D' && is_machine_short(&scheduled));

	return can_go_on && scheduled.ran_ns < MAX_RUN_NS;
}

int64_t starvation_us(pid_t pid)
{
	return (int64_t)(scheduled_of(pid).waited_ns / 1000);
}

static int64_t given_us(const struct scheduled *one)
{
	int64_t us = (int64_t)(TIMES_GIVEN_BACK * (one->waited_ns / 1000));

	return us < MAX_GIVEN_US ? us : MAX_GIVEN_US;
}

int64_t starvation_given_us(pid_t pid)
{
	const struct scheduled scheduled = scheduled_of(pid);

	return pid && scheduled.ran_ns >= MAX_RUN_NS ? 0 : given_us(&scheduled);
}

/* Between the two looks the process may be kept from running as well: in this order, and in the other one
 * below, that is no loss. */
int64_t starvation_end_us(int64_t budget_us)
{
	int64_t given_us = starvation_given_us(0);

	return run_clock_us() - given_us + budget_us;
}

int64_t starvation_left_us(int64_t end_us)
{
	int64_t left_us = end_us - run_clock_us();

	return left_us + starvation_given_us(0);
}

int64_t starvation_wait_us(int64_t end_us)
{
	int64_t wait_us = end_us - run_clock_us();

	return wait_us > 0 ? wait_us : starvation_left_us(end_us);
}
