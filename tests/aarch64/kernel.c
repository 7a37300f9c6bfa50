/* SPDX-License-Identifier: Zlib */
/* What qemu-user's kernel lacks, for programs that are linked with this in syscall's place (-Wl,--wrap=syscall):
 * openat2, as far as fake machines need it (RESOLVE_IN_ROOT alone, and no races), and seccomp, whose filters answer what
 * is called by syscall(2) here. The plugin filters.c, without which these programs are not to be run, judges all else. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/aarch64/filter.h"

#define MAX_LINKS 40u

struct walk {
	int root;
	char done[PATH_MAX]; /* from the root on, without links: "./usr/lib" */
	char left[PATH_MAX];
	unsigned int links;
};

/* What the compiler calls the wrapped and the wrapping function. */
long __real_syscall(long number, ...); /* NOLINT(bugprone-reserved-identifier) */
long __wrap_syscall(long number, ...); /* NOLINT(bugprone-reserved-identifier) */

/* Cuts the first name off what is left; an empty one where there is none. */
static void next_name(struct walk *walk, char ret[NAME_MAX + 1])
{
	const char *from = walk->left + strspn(walk->left, "/");
	size_t length = strcspn(from, "/");

	(void)snprintf(ret, NAME_MAX + 1, "%.*s", (int)length, from);
	memmove(walk->left, from + length, strlen(from + length) + 1);
}

/* Returns whether the path was a link to be followed; it is replaced by what it leads to then. */
static int follow(struct walk *walk, const char *path, bool is_last_kept)
{
	char target[PATH_MAX], rest[PATH_MAX];
	ssize_t length;

	if (is_last_kept && walk->left[strspn(walk->left, "/")] == '\0')
		return 0;
	length = readlinkat(walk->root, path, target, sizeof(target) - 1);
	if (length < 0)
		return 0;
	target[length] = '\0';
	if (++walk->links > MAX_LINKS) {
		errno = ELOOP;
		return -1;
	}
	(void)snprintf(rest, sizeof(rest), "%s", walk->left);
	if (target[0] == '/')
		(void)snprintf(walk->done, sizeof(walk->done), ".");
	if ((size_t)snprintf(walk->left, sizeof(walk->left), "%s/%s", target, rest) >=
	    sizeof(walk->left)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return 1;
}

static int step(struct walk *walk, const char *name, bool is_last_kept)
{
	char path[2 * PATH_MAX];
	char *end = strrchr(walk->done, '/');
	int followed;

	if (strcmp(name, ".") == 0)
		return faccessat(walk->root, walk->done, X_OK, AT_EACCESS);
	if (strcmp(name, "..") == 0) {
		if (end)
			*end = '\0';
		return 0;
	}
	(void)snprintf(path, sizeof(path), "%s/%s", walk->done, name);
	followed = follow(walk, path, is_last_kept);
	if (followed == 0 &&
	    (size_t)snprintf(walk->done, sizeof(walk->done), "%s", path) >= sizeof(walk->done)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return followed < 0 ? -1 : 0;
}

static long open_in_root(int root, const char *path, const struct open_how *how)
{
	struct walk walk = {.root = root, .done = "."};
	bool is_directory = path[0] != '\0' && path[strlen(path) - 1] == '/';
	char name[NAME_MAX + 1];

	(void)snprintf(walk.left, sizeof(walk.left), "%s", path);
	for (next_name(&walk, name); name[0] != '\0'; next_name(&walk, name))
		if (step(&walk, name, (how->flags & (O_NOFOLLOW | O_EXCL)) != 0) < 0)
			return -1;
	return openat(root, walk.done, (int)how->flags | (is_directory ? O_DIRECTORY : 0),
		      (mode_t)how->mode);
}

/* ---- seccomp */

static struct filter filters[MAX_FILTERS];
static size_t filter_count;

static long set_filter(const struct sock_fprog *program)
{
	struct filter *filter = &filters[filter_count];

	if (!program) {
		errno = EFAULT;
		return -1;
	}
	if (filter_count++ == MAX_FILTERS || program->len > MAX_INSTRUCTIONS)
		abort();
	filter->length = program->len;
	memcpy(filter->code, program->filter, program->len * sizeof(filter->code[0]));
	return 0;
}

/* What libseccomp asks for, and loading. */
static long seccomp(long operation, long flags, const void *data)
{
	if (operation == SECCOMP_SET_MODE_FILTER)
		return set_filter(data);
	if (operation == SECCOMP_GET_ACTION_AVAIL && flags == 0)
		return 0;
	errno = EINVAL;
	return -1;
}

/* The error that a filter answers with, or 0. */
static int refusal(const struct seccomp_data *data)
{
	for (size_t i = 0; i < filter_count; i++) {
		uint32_t verdict = filter_run(&filters[i], data);

		if ((verdict & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ERRNO)
			return (int)(verdict & SECCOMP_RET_DATA);
	}
	return 0;
}

static long call(long number, const long a[6])
{
	const struct seccomp_data data = {
		.nr = (int)number,
		.arch = AUDIT_ARCH_AARCH64,
		.args = {(uint64_t)a[0], (uint64_t)a[1], (uint64_t)a[2], (uint64_t)a[3],
			 (uint64_t)a[4], (uint64_t)a[5]},
	};
	int error = refusal(&data);
	long result;

	if (error) {
		errno = error;
		return -1;
	}
	/* The plugin hears of each. */
	result = __real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
	if (result >= 0 || errno != ENOSYS)
		return result;
	/* NOLINTBEGIN(performance-no-int-to-ptr): these are addresses. */
	if (number == SYS_openat2 && (((const struct open_how *)a[2])->resolve & RESOLVE_IN_ROOT))
		return open_in_root((int)a[0], (const char *)a[1], (const struct open_how *)a[2]);
	if (number == SYS_seccomp)
		return seccomp(a[0], a[1], (const void *)a[2]);
	/* NOLINTEND(performance-no-int-to-ptr) */
	return result;
}

long __wrap_syscall(long number, ...) /* NOLINT(bugprone-reserved-identifier) */
{
	long a[6];
	va_list list;

	va_start(list, number);
	for (size_t i = 0; i < 6; i++)
		a[i] = va_arg(list, long);
	va_end(list);
	return call(number, a);
}
