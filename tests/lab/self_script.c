// SPDX-License-Identifier: Zlib
// self_script: a program that is a shell script with data, in one file as a download is. Behind this program stand
// the script, its data, and last a trailer (installers.py makes it); it becomes `sh -c SCRIPT SELF DATA ARG...`,
// SELF being its own path and DATA the place in it where the data begins.
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_SCRIPT 100000 // an argument may have 128 KiB
#define MAX_ARGS 256

struct trailer {
	char magic[8];
	uint64_t script; // where the script begins
	uint64_t length;
};

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "self_script: %s: %s\n", what, strerror(errno));
	exit(126);
}

static void read_at(int fd, void *target, uint64_t length, uint64_t place)
{
	if (pread(fd, target, length, (off_t)place) != (ssize_t)length)
		die("reading itself");
}

int main(int count, char **words)
{
	static char script[MAX_SCRIPT + 1], self[PATH_MAX], data[32], *args[MAX_ARGS + 6];
	struct trailer trailer;
	struct stat status;
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &status) || readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		die("/proc/self/exe");
	read_at(fd, &trailer, sizeof(trailer), (uint64_t)status.st_size - sizeof(trailer));
	errno = EINVAL;
	if (memcmp(trailer.magic, "labshell", 8) != 0 || trailer.length > MAX_SCRIPT ||
	    count > MAX_ARGS)
		die(self);
	read_at(fd, script, trailer.length, trailer.script);
	snprintf(data, sizeof(data), "%" PRIu64, trailer.script + trailer.length);
	args[0] = "sh";
	args[1] = "-c";
	args[2] = script;
	args[3] = self;
	args[4] = data;
	for (int i = 1; i < count; i++)
		args[4 + i] = words[i];
	execv("/bin/sh", args);
	die("/bin/sh");
}
