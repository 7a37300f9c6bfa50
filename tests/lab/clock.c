// SPDX-License-Identifier: Zlib
// clock: runs a command, with all its descendants, for which the wall clock stands elsewhere; the machine's is
// not touched.
//
//   clock SECONDS -- CMD [ARG...]
//
// SECONDS after 1970 is the time at which CMD begins. A C library asks the vDSO, which no filter sees: it is hidden
// from each program at its start, and the system calls that are asked instead are answered here. To be run as root,
// before the command becomes another user's: only then the memory of a process that hides it can be written to.
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/lab/tracee.h"

struct clock {
	int64_t begins_s;      // the time at which the command begins
	struct timespec begun; // the same moment by CLOCK_MONOTONIC
	pid_t main;
	int status;
};

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "clock: %s\nusage: clock SECONDS -- CMD [ARG...]\n", what);
	exit(EXIT_TRACER);
}

// ---- the command

static void load_filter(void *data)
{
	static const struct scmp_arg_cmp clocks[] = {
		{.arg = 0, .op = SCMP_CMP_EQ, .datum_a = CLOCK_REALTIME},
		{.arg = 0, .op = SCMP_CMP_EQ, .datum_a = CLOCK_REALTIME_COARSE},
	};
	static const int always[] = {SCMP_SYS(time), SCMP_SYS(gettimeofday)};
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int failed =
		!filter || (geteuid() == 0 && seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 0));

	(void)data;
	for (size_t i = 0; !failed && i < 2; i++) {
		failed |= seccomp_rule_add_array(filter, SCMP_ACT_TRACE(0), SCMP_SYS(clock_gettime),
						 1, &clocks[i]);
		if (always[i] >= 0) // aarch64 has no time(2)
			failed |= seccomp_rule_add(filter, SCMP_ACT_TRACE(0), always[i], 0);
	}
	if (failed || seccomp_load(filter))
		fail("the filter cannot be loaded");
	seccomp_release(filter);
}

static void start(struct clock *clock, char **command)
{
	const char *failed = NULL;

	clock_gettime(CLOCK_MONOTONIC, &clock->begun);
	clock->main = start_traced(command, load_filter, NULL, &failed);
	if (failed)
		fail(failed);
}

// ---- what it is told

static struct timespec now(const struct clock *clock)
{
	struct timespec passed;

	clock_gettime(CLOCK_MONOTONIC, &passed);
	passed.tv_sec += clock->begins_s - clock->begun.tv_sec;
	passed.tv_nsec -= clock->begun.tv_nsec;
	if (passed.tv_nsec < 0) {
		passed.tv_nsec += 1000000000;
		passed.tv_sec--;
	}
	return passed;
}

// Two words: all of these calls hand over seconds and a fraction.
static void tell(const struct clock *clock, pid_t pid)
{
	struct __ptrace_syscall_info info = {0};
	struct timespec time = now(clock);
	uint64_t address;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) <= 0)
		return; // it was killed meanwhile
	address = info.seccomp.args[(int)info.seccomp.nr == SCMP_SYS(clock_gettime)];
	if (address)
		poke(pid, address, time.tv_sec);
	if ((int)info.seccomp.nr == SCMP_SYS(time)) {
		let_return(pid, time.tv_sec);
		return;
	}
	if (address)
		poke(pid, address + sizeof(long),
		     (int)info.seccomp.nr == SCMP_SYS(gettimeofday) ? time.tv_nsec / 1000
								    : time.tv_nsec);
	let_return(pid, 0);
}

// On the stack of a program that has not begun stand argc, argv, the environment and the auxiliary vector.
static void hide_vdso(pid_t pid)
{
	uint64_t at = stack_of(pid);

	at += sizeof(long) * (2 + (uint64_t)peek(pid, at));
	while (peek(pid, at) != 0)
		at += sizeof(long);
	for (at += sizeof(long); peek(pid, at) != AT_NULL; at += 2 * sizeof(long))
		if (peek(pid, at) == AT_SYSINFO_EHDR)
			poke(pid, at, AT_IGNORE);
}

// ---- the loop

static void note_stop(const struct clock *clock, pid_t pid, int status)
{
	int event = status >> 16, stopped_by = WSTOPSIG(status);

	if (event == PTRACE_EVENT_STOP &&
	    stopped_by != SIGTRAP) { // the whole process was stopped, and stays so
		ptrace(PTRACE_LISTEN, pid, 0, 0);
		return;
	}
	if (event == PTRACE_EVENT_SECCOMP)
		tell(clock, pid);
	if (event == PTRACE_EVENT_EXEC)
		hide_vdso(pid);
	ptrace(PTRACE_CONT, pid, 0, event ? 0 : stopped_by);
}

int main(int count, char **words)
{
	struct clock clock = {0};
	char *end = NULL;
	int status;
	pid_t pid;

	if (count < 4 || strcmp(words[2], "--") != 0)
		fail("SECONDS, -- and a command are needed");
	clock.begins_s = strtoll(words[1], &end, 10);
	if (*end || end == words[1])
		fail("SECONDS is no number");
	start(&clock, words + 3);
	while ((pid = waitpid(-1, &status, __WALL)) > 0) {
		if (WIFSTOPPED(status))
			note_stop(&clock, pid, status);
		else if (pid == clock.main)
			clock.status =
				WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	}
	return clock.status;
}
