// SPDX-License-Identifier: Zlib
// peaks: runs a command and prints how much memory it and its descendants ever held resident.
//
//   peaks [--only NAME] CMD [ARG...]
//
// One line of two numbers in KiB: the largest process's peak, and the highest sum of the peaks of processes that
// lived at the same time. The sum is an upper bound: peaks need not meet, and pages that processes share (a
// program's text, what a fork has not touched) count once for each. With --only NAME other programs count for
// nothing. What the command left running is measured as it is when the command ends, and goes on. All output of
// the command is dropped; the exit status is the command's.
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#define EXIT_PEAKS 125
#define MAX_PROCESSES 256
#define TRACE_OPTIONS                                                                              \
	(PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC |     \
	 PTRACE_O_TRACEEXIT)

struct peaks {
	const char *only; // NULL: every program counts
	pid_t main;
	int status;
	pid_t alive[MAX_PROCESSES];
	size_t count;
	long largest_kib, sum_kib;
};

static _Noreturn void die(const char *what)
{
	perror(what);
	exit(EXIT_PEAKS);
}

// ---- the processes

static void add(struct peaks *peaks, pid_t pid)
{
	for (size_t i = 0; i < peaks->count; i++)
		if (peaks->alive[i] == pid)
			return;
	if (peaks->count == MAX_PROCESSES) {
		fputs("peaks: too many processes\n", stderr);
		exit(EXIT_PEAKS);
	}
	peaks->alive[peaks->count++] = pid;
}

static void forget(struct peaks *peaks, pid_t pid)
{
	for (size_t i = 0; i < peaks->count; i++)
		if (peaks->alive[i] == pid)
			peaks->alive[i--] = peaks->alive[--peaks->count];
}

// The peak of a process so far; 0 for a thread beside its process's first, and for a program that does not count.
static long peak_of(const struct peaks *peaks, pid_t pid)
{
	char path[64], line[256], name[64] = "";
	long kib = 0;
	int group = 0;
	FILE *status;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	status = fopen(path, "re");
	while (status && fgets(line, sizeof(line), status)) {
		(void)sscanf(line, "Name: %63s", name);
		(void)sscanf(line, "Tgid: %d", &group);
		(void)sscanf(line, "VmHWM: %ld", &kib);
	}
	if (status)
		fclose(status);
	return group == pid && (!peaks->only || strcmp(name, peaks->only) == 0) ? kib : 0;
}

// Between two calls of this no process ends and peaks only grow, so that none is missed.
static void add_up(struct peaks *peaks)
{
	long sum = 0;

	for (size_t i = 0; i < peaks->count; i++) {
		long kib = peak_of(peaks, peaks->alive[i]);

		sum += kib;
		if (kib > peaks->largest_kib)
			peaks->largest_kib = kib;
	}
	if (sum > peaks->sum_kib)
		peaks->sum_kib = sum;
}

// ---- the loop

static _Noreturn void run(char **command)
{
	int null = open("/dev/null", O_RDWR);

	kill(getpid(), SIGSTOP);
	dup2(null, 0);
	dup2(null, 1);
	dup2(null, 2);
	execvp(command[0], command);
	_exit(127);
}

static void start(struct peaks *peaks, char **command)
{
	peaks->main = fork();
	if (peaks->main < 0)
		die("fork");
	if (peaks->main == 0)
		run(command);
	if (waitpid(peaks->main, NULL, WUNTRACED) < 0 ||
	    ptrace(PTRACE_SEIZE, peaks->main, 0, TRACE_OPTIONS) || kill(peaks->main, SIGCONT))
		die("ptrace");
	add(peaks, peaks->main);
}

static void note_stop(struct peaks *peaks, pid_t pid, int status)
{
	int event = status >> 16;
	unsigned long other = 0;

	add(peaks, pid);
	switch (event) {
	case PTRACE_EVENT_EXIT:
		add_up(peaks);
		forget(peaks, pid);
		break;
	case PTRACE_EVENT_FORK:
	case PTRACE_EVENT_VFORK:
	case PTRACE_EVENT_CLONE:
		ptrace(PTRACE_GETEVENTMSG, pid, 0, &other);
		add(peaks, (pid_t)other);
		break;
	case PTRACE_EVENT_EXEC:
		break;
	case PTRACE_EVENT_STOP:
		if (WSTOPSIG(status) != SIGTRAP) { // the whole process was stopped, and stays so
			ptrace(PTRACE_LISTEN, pid, 0, 0);
			return;
		}
		break;
	default:
		ptrace(PTRACE_CONT, pid, 0, WSTOPSIG(status));
		return;
	}
	ptrace(PTRACE_CONT, pid, 0, 0);
}

// Until the command itself has ended; whoever is traced then is let go with this process.
static void follow(struct peaks *peaks)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, __WALL)) > 0) {
		if (WIFSTOPPED(status)) {
			note_stop(peaks, pid, status);
			continue;
		}
		forget(peaks, pid);
		if (pid != peaks->main)
			continue;
		peaks->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
		return;
	}
}

int main(int argc, char **argv)
{
	struct peaks peaks = {0};
	char **command = argv + 1;

	if (argc > 3 && strcmp(command[0], "--only") == 0) {
		peaks.only = command[1];
		command += 2;
	}
	if (!command[0]) {
		fputs("usage: peaks [--only NAME] CMD [ARG...]\n", stderr);
		return 2;
	}
	start(&peaks, command);
	follow(&peaks);
	printf("%ld %ld\n", peaks.largest_kib, peaks.sum_kib);
	return peaks.status;
}
