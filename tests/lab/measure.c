/* SPDX-License-Identifier: Zlib */
/* Runs a command many times and prints, for each run: wall time and CPU time in microseconds, the
 * largest process's resident memory in KiB, and the exit status. All output of the command is dropped.
 *
 * Before each run the files named by --empty are emptied, as a runner gives every step new ones.
 *
 *   measure COUNT [--empty FILE]... CMD [ARG...] */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/lab/times.h"

static void run(char **argv)
{
	int null = open("/dev/null", O_RDWR);

	dup2(null, 0);
	dup2(null, 1);
	dup2(null, 2);
	execvp(argv[0], argv);
	_exit(127);
}

/* Empties the files that lead the words, and returns the command behind them. */
static char **prepare(char **words)
{
	for (; words[0] && words[1] && strcmp(words[0], "--empty") == 0; words += 2)
		if (truncate(words[1], 0) < 0)
			perror(words[1]);
	return words;
}

int main(int argc, char **argv)
{
	long count = argc > 2 ? strtol(argv[1], NULL, 10) : 0;

	if (count <= 0) {
		fputs("usage: measure COUNT [--empty FILE]... CMD [ARG...]\n", stderr);
		return 2;
	}
	while (count--) {
		char **command = prepare(argv + 2);
		long long begun = now_us();
		struct rusage usage;
		int status;
		pid_t pid = fork();

		if (pid == 0)
			run(command);
		if (pid < 0 || wait4(pid, &status, 0, &usage) < 0)
			return 1;
		printf("%lld %lld %ld %d\n", now_us() - begun,
		       microseconds(usage.ru_utime) + microseconds(usage.ru_stime), usage.ru_maxrss,
		       WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	}
	return 0;
}
