// SPDX-License-Identifier: Zlib
// without: runs a command in a pod that lacks something, as root; a setpriv behind it makes it another user's.
//
//   without THING... -- CMD [ARG...]
//
// Nobody else loses anything: the mounts and the network are the command's alone. THINGS are the table below.
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool lose_proc(void)
{
	return umount2("/proc", MNT_DETACH) == 0;
}

static bool lose_strangers(void)
{
	return mount("proc", "/proc", "proc", 0, "hidepid=2") == 0;
}

static bool lose_dev(void)
{
	return umount2("/dev", MNT_DETACH) == 0 && mount("none", "/dev", "tmpfs", 0, NULL) == 0;
}

// What is mounted below is read-only as well.
static bool lose_writing(void)
{
	struct mount_attr readonly = {.attr_set = MOUNT_ATTR_RDONLY};

	return syscall(SYS_mount_setattr, AT_FDCWD, "/", AT_RECURSIVE, &readonly,
		       sizeof(readonly)) == 0;
}

static bool lose_network(void)
{
	return unshare(CLONE_NEWNET) == 0;
}

static bool lose_directory(void)
{
	return mkdir("/tmp/gone", 0700) == 0 && chdir("/tmp/gone") == 0 && rmdir("/tmp/gone") == 0;
}

static bool has_arguments = true;

static bool lose_arguments(void)
{
	has_arguments = false;
	return true;
}

static const struct {
	const char *name;
	bool (*lose)(void);
} things[] = {
	{"proc", lose_proc},           // nothing is mounted on /proc
	{"strangers", lose_strangers}, // /proc shows a user nobody else's processes
	{"dev", lose_dev},             // /dev is empty
	{"writing", lose_writing},     // every file system is read-only
	{"network", lose_network},     // no interface but a loopback that is down
	{"directory", lose_directory}, // the working directory has been removed
	{"arguments", lose_arguments}, // CMD, a path, finds no argument, not even its name
};

static _Noreturn void usage(const char *what)
{
	fprintf(stderr, "without: %s: %s\nusage: without THING... -- CMD [ARG...]\n", what,
		strerror(errno));
	exit(125);
}

static void lose(const char *name)
{
	for (size_t i = 0; i < sizeof(things) / sizeof(*things); i++) {
		if (strcmp(things[i].name, name) != 0)
			continue;
		if (!things[i].lose())
			usage(name);
		return;
	}
	errno = EINVAL;
	usage(name);
}

int main(int count, char **words)
{
	int i;

	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL))
		usage("mounts of its own");
	for (i = 1; i < count && strcmp(words[i], "--") != 0; i++)
		lose(words[i]);
	if (i + 1 >= count)
		usage("no command");
	if (has_arguments)
		execvp(words[i + 1], words + i + 1);
	else
		execve(words[i + 1], (char *[]){NULL}, environ);
	fprintf(stderr, "without: %s: %s\n", words[i + 1], strerror(errno));
	return errno == ENOENT ? 127 : 126;
}
