// SPDX-License-Identifier: Zlib
// stepper: runs a command and interrupts it at a chosen system call of it or of any descendant, a daemon included.
//
//   stepper count|list|kill N|fail N ERRNO [--writes] [--call NAME]... [--report FILE] -- CMD [ARG...]
//
// Counted from 1 are the calls that change something (stepper_calls.h) and, with --writes, those that write to a
// descriptor; with --call those named, and no others. `kill` sends SIGKILL to every process just before the N-th
// such call runs, `fail` lets that one call return ERRNO instead of running, `list` says what each is. As far as
// the processes run one after the other the numbers are the same each time. What the command leaves running is
// killed when it ends. The report (stderr where no file is named) has lines of words: "N PROCESS CALL [PATH...]"
// where a call is listed, killed or failed, and "calls N status S left PROCESSES" last. The exit status is the
// command's, or 137 where it was killed here.
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lab/errnos.h"
#include "tests/lab/stepper_calls.h"
#include "tests/lab/tracee.h"

#define MAX_PROCESSES 4096
#define MAX_CALLS 32

struct stepper {
	enum { COUNT, LIST, KILL, FAIL } verb;
	long chosen; // the call at which it is killed or fails
	int error;   // that of `fail`
	bool has_writes;
	const char *calls[MAX_CALLS]; // those of --call
	size_t call_count;
	FILE *report;
	char **command;

	pid_t main; // the command's process
	int status; // its exit status
	bool is_running;
	bool is_over; // all are being killed
	bool was_killed;
	long seen;
	int left;
	struct {
		pid_t pid;
		int number;
	} processes[MAX_PROCESSES];
	size_t count;
	int last_number;
};

static _Noreturn __attribute__((format(printf, 1, 2))) void die(const char *format, ...)
{
	int code = errno;
	va_list args;

	fputs("stepper: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, ": %s\n", strerror(code));
	exit(EXIT_TRACER);
}

static _Noreturn void usage(const char *what)
{
	fprintf(stderr,
		"stepper: %s\nusage: stepper count|list|kill N|fail N ERRNO [--writes] "
		"[--call NAME]... [--report FILE] -- CMD [ARG...]\n",
		what);
	exit(EXIT_TRACER);
}

// ---- the filter that makes the calls known

static void add_rule(scmp_filter_ctx filter, int call, const struct known_call *known)
{
	static const uint64_t creating[] = {O_CREAT, O_TRUNC};
	struct scmp_arg_cmp flag = {.op = SCMP_CMP_MASKED_EQ};
	int failed = 0;

	if (!known || !known->flags)
		failed = seccomp_rule_add(filter, SCMP_ACT_TRACE(0), call, 0);
	for (size_t i = 0; known && known->flags && i < 2; i++) {
		flag.arg = (unsigned int)known->flags;
		flag.datum_a = flag.datum_b = creating[i];
		failed |= seccomp_rule_add_array(filter, SCMP_ACT_TRACE(0), call, 1, &flag);
	}
	if (failed)
		usage("a system call cannot be filtered");
}

// Without the attribute a filter sets no_new_privs, and sudo under it would fail.
static void load_filter(void *data)
{
	const struct stepper *stepper = data;
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

	if (!filter || (geteuid() == 0 && seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 0)))
		usage("no filter can be made");
	for (size_t i = 0; i < stepper->call_count; i++)
		add_rule(filter, seccomp_syscall_resolve_name(stepper->calls[i]), NULL);
	for (size_t i = 0; i < KNOWN_CALLS; i++) {
		const struct known_call *known = &known_calls[i];
		int call = seccomp_syscall_resolve_name(known->name);

		// A negative number: this machine does not have it.
		if (stepper->call_count > 0 || call < 0 ||
		    (known->when == WITH_WRITES && !stepper->has_writes))
			continue;
		add_rule(filter, call, known);
	}
	if (seccomp_load(filter))
		usage("the filter cannot be loaded");
	seccomp_release(filter);
}

static void start(struct stepper *stepper)
{
	const char *failed = NULL;

	stepper->main = start_traced(stepper->command, load_filter, stepper, &failed);
	if (failed)
		die("%s", failed);
}

// ---- the processes

static int number_of(struct stepper *stepper, pid_t pid)
{
	for (size_t i = 0; i < stepper->count; i++)
		if (stepper->processes[i].pid == pid)
			return stepper->processes[i].number;
	if (stepper->count == MAX_PROCESSES)
		usage("too many processes");
	stepper->processes[stepper->count].pid = pid;
	stepper->processes[stepper->count++].number = ++stepper->last_number;
	if (stepper->is_over)
		kill(pid, SIGKILL);
	return stepper->last_number;
}

static void forget(struct stepper *stepper, pid_t pid)
{
	for (size_t i = 0; i < stepper->count; i++)
		if (stepper->processes[i].pid == pid)
			stepper->processes[i] = stepper->processes[--stepper->count];
}

static void kill_all(struct stepper *stepper)
{
	stepper->is_over = true;
	for (size_t i = 0; i < stepper->count; i++)
		kill(stepper->processes[i].pid, SIGKILL);
}

static void note_end(struct stepper *stepper, pid_t pid, int status)
{
	forget(stepper, pid);
	if (pid != stepper->main)
		return;
	stepper->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	if (stepper->is_over)
		return;
	stepper->left = (int)stepper->count;
	kill_all(stepper);
}

// ---- a call that is about to run

static void report_call(struct stepper *stepper, pid_t pid,
			const struct __ptrace_syscall_info *info)
{
	char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, (int)info->seccomp.nr);

	fprintf(stepper->report, "%ld %d %s", stepper->seen, number_of(stepper, pid),
		name ? name : "?");
	for (size_t i = 0; name && i < KNOWN_CALLS; i++)
		for (int k = 0; !strcmp(name, known_calls[i].name) && k < 2; k++)
			if (known_calls[i].paths[k])
				print_path(stepper->report, pid,
					   info->seccomp.args[known_calls[i].paths[k] - 1]);
	fputc('\n', stepper->report);
	free(name);
}

static bool is_counted(const struct stepper *stepper, pid_t pid,
		       const struct __ptrace_syscall_info *info)
{
	if (!stepper->is_running || stepper->is_over)
		return false;
	if (stepper->call_count > 0 || (int)info->seccomp.nr != SCMP_SYS(openat2))
		return true;
	return ((unsigned long)peek(pid, info->seccomp.args[2]) & (O_CREAT | O_TRUNC)) != 0;
}

static void note_call(struct stepper *stepper, pid_t pid)
{
	struct __ptrace_syscall_info info = {0};

	if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) <= 0)
		return; // it was killed meanwhile
	if (!is_counted(stepper, pid, &info))
		return;
	stepper->seen++;
	if (stepper->verb == LIST || stepper->seen == stepper->chosen)
		report_call(stepper, pid, &info);
	if (stepper->seen != stepper->chosen)
		return;
	if (stepper->verb == FAIL) {
		if (let_fail(pid, stepper->error))
			die("a call cannot be made to fail");
		return;
	}
	kill(pid, SIGKILL);
	stepper->was_killed = true;
	kill_all(stepper);
}

// ---- the loop

static void note_stop(struct stepper *stepper, pid_t pid, int status)
{
	int event = status >> 16, stopped_by = WSTOPSIG(status);
	unsigned long other = 0;

	number_of(stepper, pid);
	switch (event) {
	case PTRACE_EVENT_SECCOMP:
		note_call(stepper, pid);
		break;
	case PTRACE_EVENT_FORK:
	case PTRACE_EVENT_VFORK:
	case PTRACE_EVENT_CLONE:
		ptrace(PTRACE_GETEVENTMSG, pid, 0, &other);
		number_of(stepper, (pid_t)other);
		break;
	case PTRACE_EVENT_EXEC:
		stepper->is_running = true;
		ptrace(PTRACE_GETEVENTMSG, pid, 0, &other);
		if ((pid_t)other != pid) // a thread that took its process's number
			forget(stepper, (pid_t)other);
		break;
	case PTRACE_EVENT_STOP:
		if (stopped_by != SIGTRAP) { // the whole process was stopped, and stays so
			ptrace(PTRACE_LISTEN, pid, 0, 0);
			return;
		}
		break;
	default:
		ptrace(PTRACE_CONT, pid, 0, event ? 0 : stopped_by);
		return;
	}
	ptrace(PTRACE_CONT, pid, 0, 0);
}

static void run(struct stepper *stepper)
{
	int status;
	pid_t pid;

	start(stepper);
	number_of(stepper, stepper->main);
	while ((pid = waitpid(-1, &status, __WALL)) > 0)
		if (WIFSTOPPED(status))
			note_stop(stepper, pid, status);
		else
			note_end(stepper, pid, status);
	fprintf(stepper->report, "calls %ld status %d left %d\n", stepper->seen, stepper->status,
		stepper->left);
	if (fflush(stepper->report))
		die("the report");
}

// ---- the command line

static long parse_number(const char *text)
{
	char *end;
	long number = text ? strtol(text, &end, 10) : 0;

	if (!text || *end || number < 1)
		usage("a number from 1 is needed");
	return number;
}

// Returns the first word that is no part of the verb.
static char **parse_verb(struct stepper *stepper, char **words)
{
	static const char *const verbs[] = {"count", "list", "kill", "fail"};
	size_t verb = 0;

	while (verb < 4 && words[0] && strcmp(verbs[verb], words[0]) != 0)
		verb++;
	if (!words[0] || verb == 4)
		usage("what is to be done?");
	stepper->verb = verb;
	words++;
	if (stepper->verb == KILL || stepper->verb == FAIL)
		stepper->chosen = parse_number(*words++);
	if (stepper->verb == FAIL)
		stepper->error = *words ? errno_of(*words++) : 0;
	if (stepper->verb == FAIL && !stepper->error)
		usage("which error?");
	return words;
}

static void parse(struct stepper *stepper, char **words)
{
	for (words = parse_verb(stepper, words); *words && strcmp(*words, "--") != 0; words++) {
		if (!strcmp(*words, "--writes")) {
			stepper->has_writes = true;
		} else if (!strcmp(*words, "--report") && words[1]) {
			stepper->report = fopen(*++words, "we");
			if (!stepper->report)
				die("%s", *words);
		} else if (!strcmp(*words, "--call") && words[1]) {
			if (stepper->call_count == MAX_CALLS ||
			    seccomp_syscall_resolve_name(words[1]) < 0)
				usage(words[1]);
			stepper->calls[stepper->call_count++] = *++words;
		} else {
			usage(*words);
		}
	}
	if (!*words || !words[1])
		usage("no command");
	stepper->command = words + 1;
}

int main(int count, char **words)
{
	static struct stepper stepper;

	(void)count;
	stepper.report = stderr;
	parse(&stepper, words + 1);
	run(&stepper);
	return stepper.was_killed ? 128 + SIGKILL : stepper.status;
}
