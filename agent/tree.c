/* SPDX-License-Identifier: Zlib */
/* Removal of trees: without recursion, and with two descriptors however deep a tree is. */
#include "agent/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/error.h"
#include "agent/file_identity.h"
#include "agent/mem.h"
#include "agent/root.h"
#include "agent/strbuf.h"
#include "agent/text.h"
#include "agent/words.h"

#define DIRECTORY_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define SHOWN_BYTES 512u
#define FDINFO_BYTES 4096u
#define MOUNT_ID "mnt_id:"

/* A directory on the way from the top to where the walk is. */
struct level {
	char *name;
	struct words below; /* directories in it */
	size_t next;        /* of those */
	struct stat status;
};

struct walk {
	struct level *levels;
	size_t depth;
	int start;
	struct stat start_status;
	int at; /* the deepest level's directory, or another descriptor of START's */
	bool is_removing;
	struct error *error;
};

static void level_release(struct level *level)
{
	free(level->name);
	words_release(&level->below);
}

static void walk_release(struct walk *walk)
{
	while (walk->depth > 0)
		level_release(&walk->levels[--walk->depth]);
	free(walk->levels);
	if (walk->at >= 0)
		close(walk->at);
}

/* NAME lies where the walk is. */
static int fail(const struct walk *walk, const char *name)
{
	CLEANUP_STRBUF struct strbuf path = STRBUF_INIT(SHOWN_BYTES);
	CLEANUP_FREE char *shown = NULL;
	int reason = errno;

	for (size_t i = 0; i < walk->depth; i++)
		strbuf_printf(&path, "%s/", walk->levels[i].name);
	strbuf_puts(&path, name);
	shown = text_cleaned(path.data, SHOWN_BYTES);
	if (reason == EXDEV || reason == EBUSY)
		return error_set(walk->error, ERROR_AGENT,
				 "%s is a mount of its own, which is not removed: unmount it "
				 "(umount), and try again",
				 shown);
	return error_set(walk->error, ERROR_AGENT, "%s: cannot be removed: %s", shown,
			 strerror(reason));
}

/* ---- never onto another mount */

/* Of a descriptor; -1: the kernel does not tell. Every Linux since 3.15 tells it here. */
static long mount_of(int fd)
{
	CLEANUP_STRBUF struct strbuf text = STRBUF_INIT(FDINFO_BYTES);
	CLEANUP_FREE char *path = mem_format("/proc/self/fdinfo/%d", fd);
	CLEANUP_CLOSE int info = open(path, O_RDONLY | O_CLOEXEC);
	const char *line;

	if (info < 0 || root_read_open(info, &text) < 0)
		return -1;
	line = strstr(text.data, MOUNT_ID);
	return line ? strtol(line + strlen(MOUNT_ID), NULL, 10) : -1;
}

static bool is_other_mount(int parent, int fd)
{
	struct stat above, below;
	long mount = mount_of(fd);

	if (mount >= 0)
		return mount != mount_of(parent);
	return fstat(parent, &above) < 0 || fstat(fd, &below) < 0 || above.st_dev != below.st_dev;
}

/* Like openat(2), and EXDEV for a mount. st_dev cannot tell one that shows a part of the same file
 * system, as bind mounts mostly do. Before Linux 5.6, and in some sandboxes, there is no openat2. */
static int open_here(int parent, const char *name, int flags)
{
	const struct open_how how = {
		.flags = (unsigned int)flags,
		.resolve = RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS,
	};
	int fd = (int)syscall(SYS_openat2, parent, name, &how, sizeof(how));

	if (fd >= 0 || (errno != ENOSYS && errno != EPERM))
		return fd;
	fd = openat(parent, name, flags);
	if (fd < 0 || !is_other_mount(parent, fd))
		return fd;
	close(fd);
	errno = EXDEV;
	return -1;
}

/* ---- what a directory holds */

/* What is no directory is looked at as well: a single file may be a mount. */
static int look_at(const struct walk *walk, struct level *level, const char *name)
{
	CLEANUP_CLOSE int fd = open_here(walk->at, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat status;

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 || fstat(fd, &status) < 0)
		return fail(walk, name);
	if (S_ISDIR(status.st_mode))
		words_add(&level->below, name);
	return 0;
}

static int remove_entry(const struct walk *walk, struct level *level, const char *name)
{
	struct stat status;
	int reason;

	if (unlinkat(walk->at, name, 0) == 0 || errno == ENOENT)
		return 0;
	reason = errno;
	if (fstatat(walk->at, name, &status, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(status.st_mode)) {
		errno = reason;
		return fail(walk, name);
	}
	words_add(&level->below, name);
	return 0;
}

static bool is_self_or_parent(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static int go_through(const struct walk *walk, struct level *level)
{
	int fd = fcntl(walk->at, F_DUPFD_CLOEXEC, 0);
	CLEANUP_DIR DIR *stream = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	int result = 0;

	if (!stream) {
		(void)fail(walk, ".");
		if (fd >= 0)
			close(fd);
		return -1;
	}
	while (result == 0 && (errno = 0, entry = readdir(stream))) {
		if (is_self_or_parent(entry->d_name))
			continue;
		result = walk->is_removing ? remove_entry(walk, level, entry->d_name)
					   : look_at(walk, level, entry->d_name);
	}
	return result < 0 ? -1 : errno ? fail(walk, ".") : 0;
}

/* ---- down and up */

static int go_down(struct walk *walk, const char *name)
{
	CLEANUP_CLOSE int fd = open_here(walk->at, name, DIRECTORY_FLAGS);
	struct level *level;
	struct stat status;

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 || fstat(fd, &status) < 0)
		return fail(walk, name);
	if (walk->is_removing)
		(void)fchmod(fd, 0700); /* a store path's may be read-only to their owner */
	walk->levels = mem_grow(walk->levels, walk->depth + 1, sizeof(*walk->levels));
	level = &walk->levels[walk->depth++];
	*level = (struct level){.name = mem_strdup(name), .status = status};
	close(walk->at);
	walk->at = TAKE_FD(fd);
	return go_through(walk, level);
}

/* Whoever moves the directory meanwhile leads the walk to a strange place: it ends there. */
static int go_up(struct walk *walk)
{
	const struct stat *expected =
		walk->depth > 1 ? &walk->levels[walk->depth - 2].status : &walk->start_status;
	CLEANUP_CLOSE int fd = walk->depth > 1 ? openat(walk->at, "..", DIRECTORY_FLAGS)
					       : fcntl(walk->start, F_DUPFD_CLOEXEC, 0);
	struct level level;
	struct stat status;
	int result = 0;

	if (fd < 0 || fstat(fd, &status) < 0)
		return fail(walk, "..");
	if (!file_is_same(&status, expected)) {
		errno = ESTALE;
		return fail(walk, ".");
	}
	close(walk->at);
	walk->at = TAKE_FD(fd);
	level = walk->levels[--walk->depth];
	if (walk->is_removing && unlinkat(walk->at, level.name, AT_REMOVEDIR) < 0 &&
	    errno != ENOENT)
		result = fail(walk, level.name);
	level_release(&level);
	return result;
}

static int walk_through(int directory, const char *name, bool is_removing, struct error *error)
{
	CLEANUP(walk_release)
	struct walk walk = {
		.start = directory,
		.at = fcntl(directory, F_DUPFD_CLOEXEC, 0),
		.is_removing = is_removing,
		.error = error,
	};

	if (walk.at < 0 || fstat(directory, &walk.start_status) < 0)
		return fail(&walk, name);
	if (go_down(&walk, name) < 0)
		return -1;
	while (walk.depth > 0) {
		struct level *level = &walk.levels[walk.depth - 1];
		int result = level->next < level->below.count
				     ? go_down(&walk, level->below.items[level->next++])
				     : go_up(&walk);

		if (result < 0)
			return -1;
	}
	return 0;
}

/* ---- from outside */

/* Returns 1 for a directory, 0 for anything else, or -1 with errno. */
static int is_directory(int directory, const char *name)
{
	struct stat status;

	if (fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return -1;
	return S_ISDIR(status.st_mode);
}

int tree_check(int directory, const char *name, struct error *error)
{
	int found = is_directory(directory, name);

	if (found < 0 && errno != ENOENT)
		return fail(&(struct walk){.error = error}, name);
	return found > 0 ? walk_through(directory, name, false, error) : 0;
}

int tree_remove(int directory, const char *name, struct error *error)
{
	int found = is_directory(directory, name);

	if (found > 0)
		return walk_through(directory, name, false, error) < 0
			       ? -1
			       : walk_through(directory, name, true, error);
	if (found == 0 && unlinkat(directory, name, 0) == 0)
		return 0;
	return errno == ENOENT ? 0 : fail(&(struct walk){.error = error}, name);
}
