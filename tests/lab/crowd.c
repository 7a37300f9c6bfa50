/* SPDX-License-Identifier: Zlib */
/* Runs a command COUNT times at once: all processes are there and wait at one gate, "ready" is said, and the first
 * byte on standard input opens it. Every "{n}" in the command's words and in its environment is the process's number,
 * from --first on, which also names the file that its standard output goes to; its standard error goes nowhere.
 *
 * Prints a line for each in the order of their ends: its number, wall time since the gate opened and CPU time in
 * microseconds, its largest process's resident memory in KiB, and the exit status.
 *
 *   crowd COUNT [--first N] --output FILE CMD [ARG...] */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/lab/times.h"

#define MAX_COUNT 4096
#define MARK "{n}"

struct crowd {
	long count, first;
	const char *output;
	char **command;
	int gate[2];
	pid_t pids[MAX_COUNT];
};

static _Noreturn void die(const char *what)
{
	perror(what);
	exit(1);
}

/* TEXT with its marks replaced; nobody frees it. */
static char *numbered(const char *text, long number)
{
	char *made = NULL, digits[24];
	size_t size;
	FILE *stream = open_memstream(&made, &size);

	if (!stream)
		die("open_memstream");
	snprintf(digits, sizeof(digits), "%ld", number);
	for (const char *mark; (mark = strstr(text, MARK)); text = mark + strlen(MARK))
		fprintf(stream, "%.*s%s", (int)(mark - text), text, digits);
	fputs(text, stream);
	fclose(stream);
	return made;
}

static void number_all(char **words, long number)
{
	for (; *words; words++)
		*words = numbered(*words, number);
}

/* One of the crowd: made ready to the last step, then the wait, then the command. */
static _Noreturn void stand_by(const struct crowd *crowd, long number)
{
	int out = open(numbered(crowd->output, number), O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC,
		       0644);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	char byte;

	if (out < 0 || null < 0)
		die("crowd: open");
	number_all(crowd->command, number);
	number_all(environ, number);
	dup2(null, 0);
	dup2(out, 1);
	close(crowd->gate[1]);
	(void)!read(crowd->gate[0], &byte, 1);
	dup2(null, 2);
	execvp(crowd->command[0], crowd->command);
	_exit(127);
}

static void gather(struct crowd *crowd)
{
	if (pipe2(crowd->gate, O_CLOEXEC))
		die("crowd: pipe");
	for (long i = 0; i < crowd->count; i++) {
		crowd->pids[i] = fork();
		if (crowd->pids[i] < 0)
			die("crowd: fork");
		if (crowd->pids[i] == 0)
			stand_by(crowd, crowd->first + i);
	}
	close(crowd->gate[0]);
}

static void print(const struct crowd *crowd, pid_t pid, long long took_us,
		  const struct rusage *usage, int status)
{
	long i = 0;

	while (i + 1 < crowd->count && crowd->pids[i] != pid)
		i++;
	printf("%ld %lld %lld %ld %d\n", crowd->first + i, took_us,
	       microseconds(usage->ru_utime) + microseconds(usage->ru_stime), usage->ru_maxrss,
	       WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

static void let_go(struct crowd *crowd)
{
	long long begun;
	struct rusage usage;
	int status;
	pid_t pid;
	char byte;

	puts("ready");
	fflush(stdout);
	(void)!read(0, &byte, 1);
	begun = now_us();
	close(crowd->gate[1]);
	while ((pid = wait4(-1, &status, 0, &usage)) > 0)
		print(crowd, pid, now_us() - begun, &usage, status);
}

/* Returns the words behind the options. */
static char **read_options(struct crowd *crowd, char **words)
{
	for (; words[0] && words[1] && strncmp(words[0], "--", 2) == 0; words += 2) {
		if (strcmp(words[0], "--first") == 0)
			crowd->first = strtol(words[1], NULL, 10);
		if (strcmp(words[0], "--output") == 0)
			crowd->output = words[1];
	}
	return words;
}

int main(int argc, char **argv)
{
	static struct crowd crowd;

	crowd.count = argc > 1 ? strtol(argv[1], NULL, 10) : 0;
	crowd.command = argc > 1 ? read_options(&crowd, argv + 2) : argv;
	if (crowd.count <= 0 || crowd.count > MAX_COUNT || !crowd.output || !crowd.command[0]) {
		fputs("usage: crowd COUNT [--first N] --output FILE CMD [ARG...]\n", stderr);
		return 2;
	}
	gather(&crowd);
	let_go(&crowd);
	return 0;
}
