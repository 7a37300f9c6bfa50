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

#define BOTH_SIDES 2
#define TURNS_TOGETHER 4      /* ours, and the other side's */
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

bool starvation_is_now(pid_t pid)
{
	const char state = state_of(pid);
	const struct scheduled scheduled = scheduled_of(pid);
	/* In the kernel it waits for a lock, whose holder may not run either where others had to wait. */
	bool can_go_on = state == 'R' || (state == 'D' && scheduled.waited_ns >= MIN_WAITED_NS);

	return can_go_on && scheduled.ran_ns < MAX_RUN_NS;
}

int64_t starvation_us(pid_t pid)
{
	return (int64_t)(scheduled_of(pid).waited_ns / 1000);
}

/* Between the two looks the process may be kept from running as well: in this order, and in the other one
 * below, that is no loss. */
int64_t starvation_end_us(int64_t budget_us)
{
	int64_t starved_us = starvation_us(0);

	return run_clock_us() - BOTH_SIDES * starved_us + budget_us;
}

int64_t starvation_left_us(int64_t end_us)
{
	int64_t left_us = end_us - run_clock_us();

	return left_us + BOTH_SIDES * starvation_us(0);
}

int64_t starvation_wait_us(int64_t end_us)
{
	int64_t wait_us = end_us - run_clock_us();

	return wait_us > 0 ? wait_us : starvation_left_us(end_us);
}

int64_t starvation_together_us(pid_t pid)
{
	return TURNS_TOGETHER * starvation_us(pid);
}
