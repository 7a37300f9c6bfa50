/* SPDX-License-Identifier: Zlib */
/* File access through a root directory: the machine's own, or a test's fake machine. */
#include "agent/root.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/error.h"
#include "agent/file_cure.h"
#include "agent/strbuf.h"

#define MAX_SYMLINKS 40u /* as many as the kernel follows */

static int open_confined(int directory, const char *path, int flags, mode_t mode)
{
	struct open_how how = {
		.flags = (unsigned int)flags,
		.mode = mode,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};

	return (int)syscall(SYS_openat2, directory, path, &how, sizeof(how));
}

int root_open_directory(struct root *root, const char *directory, struct error *error)
{
	CLEANUP_CLOSE int fd = open(directory ? directory : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	CLEANUP_CLOSE int trial = -1;

	if (fd < 0 && !directory)
		return error_set(error, ERROR_AGENT, "the root directory cannot be opened: %s; %s",
				 strerror(errno), file_cure(errno));
	if (fd < 0)
		return error_set(error, error_code_for(errno), "--root %s: %s", directory,
				 strerror(errno));
	if (directory) {
		trial = open_confined(fd, "/", O_PATH | O_CLOEXEC, 0);
		if (trial < 0)
			return error_set(error, ERROR_AGENT,
					 "--root %s: this kernel does not offer openat2 (Linux "
					 "5.6), and --root cannot be kept without it: %s",
					 directory, strerror(errno));
	}
	*root = (struct root){.fd = TAKE_FD(fd), .is_confined = directory != NULL};
	return 0;
}

void root_close(struct root *root)
{
	if (root->fd >= 0)
		close(root->fd);
	root->fd = -1;
}

int root_open(const struct root *root, const char *path, int flags, mode_t mode)
{
	if (path[0] != '/') { /* the working directory is nobody's business here */
		errno = EINVAL;
		return -1;
	}
	flags |= O_CLOEXEC;
	/* openat2 refuses a mode where nothing can be made; openat ignores it. */
	if (!(flags & O_CREAT) && (flags & O_TMPFILE) != O_TMPFILE)
		mode = 0;
	if (root->is_confined)
		return open_confined(root->fd, path, flags, mode);
	return openat(root->fd, path, flags, mode);
}

int root_stat(const struct root *root, const char *path, struct stat *ret)
{
	CLEANUP_CLOSE int fd = root_open(root, path, O_PATH, 0);

	return fd < 0 ? -1 : fstat(fd, ret);
}

int root_lstat(const struct root *root, const char *path, struct stat *ret)
{
	CLEANUP_CLOSE int fd = root_open(root, path, O_PATH | O_NOFOLLOW, 0);

	return fd < 0 ? -1 : fstat(fd, ret);
}

int root_statvfs(const struct root *root, const char *path, struct statvfs *ret)
{
	CLEANUP_CLOSE int fd = root_open(root, path, O_PATH, 0);

	return fd < 0 ? -1 : fstatvfs(fd, ret);
}

ssize_t root_readlink(const struct root *root, const char *path, char *ret, size_t size)
{
	CLEANUP_CLOSE int fd = root_open(root, path, O_PATH | O_NOFOLLOW, 0);
	struct stat status;
	ssize_t length;

	if (fd < 0 || fstat(fd, &status) < 0)
		return -1;
	if (!S_ISLNK(status.st_mode)) {
		errno = EINVAL;
		return -1;
	}
	length = readlinkat(fd, "", ret, size);
	if (length < 0)
		return -1;
	if ((size_t)length >= size) {
		errno = ENAMETOOLONG;
		return -1;
	}
	ret[length] = '\0';
	return length;
}

/* ---- following symlinks */

struct walk {
	const struct root *root;
	int (*visit)(const char *path, const struct stat *status, void *data); /* or NULL */
	void *data;
	struct strbuf done; /* free of symlinks; "" stands for the root itself */
	struct strbuf path; /* what is walked: the part from AT on is left */
	size_t at;
	unsigned int links_taken; /* so far */
};

static void walk_release(struct walk *walk)
{
	strbuf_release(&walk->done);
	strbuf_release(&walk->path);
}

static void drop_last(struct strbuf *path)
{
	const char *slash = strrchr(path->data, '/');

	strbuf_truncate(path, slash ? (size_t)(slash - path->data) : 0);
}

/* Goes on with a link's target, and what was left after the link's own name. */
static int take_link(struct walk *walk, const char *target)
{
	struct strbuf path = STRBUF_INIT(PATH_MAX);

	if (++walk->links_taken > MAX_SYMLINKS) {
		errno = ELOOP;
		return -1;
	}
	strbuf_puts(&path, target);
	strbuf_putc(&path, '/');
	strbuf_puts(&path, walk->path.data + walk->at);
	strbuf_release(&walk->path);
	walk->path = path;
	walk->at = 0;
	if (target[0] == '/')
		strbuf_clear(&walk->done);
	else
		drop_last(&walk->done);
	return 0;
}

static int show(const struct walk *walk, const char *path, const struct stat *status)
{
	return walk->visit ? walk->visit(path, status, walk->data) : 0;
}

/* Walks one component. Everything before it is free of links, so that opening by path is as good
 * as opening relative to a directory. */
static int take_step(struct walk *walk, const char *name, size_t length)
{
	char target[PATH_MAX];
	struct stat status;

	if (length == 0 || (length == 1 && name[0] == '.'))
		return 0;
	if (length == 2 && memcmp(name, "..", 2) == 0) {
		drop_last(&walk->done);
		return 0;
	}
	strbuf_putc(&walk->done, '/');
	strbuf_add(&walk->done, name, length);
	if (root_lstat(walk->root, walk->done.data, &status) < 0 ||
	    show(walk, walk->done.data, &status) < 0)
		return -1;
	if (!S_ISLNK(status.st_mode))
		return 0;
	if (root_readlink(walk->root, walk->done.data, target, sizeof(target)) < 0)
		return -1;
	return take_link(walk, target);
}

static int walk_to_end(struct walk *walk)
{
	struct stat status;

	if (walk->visit &&
	    (root_lstat(walk->root, "/", &status) < 0 || show(walk, "/", &status) < 0))
		return -1;
	while (walk->at < walk->path.length) {
		const char *name = walk->path.data + walk->at;
		size_t length = strcspn(name, "/");

		if (walk->path.is_truncated || walk->done.is_truncated) {
			errno = ENAMETOOLONG;
			return -1;
		}
		walk->at += name[length] ? length + 1 : length;
		if (take_step(walk, name, length) < 0)
			return -1;
	}
	return 0;
}

int root_walk(const struct root *root, const char *path,
	      int (*visit)(const char *path, const struct stat *status, void *data), void *data,
	      struct strbuf *ret)
{
	CLEANUP(walk_release)
	struct walk walk = {
		.root = root,
		.visit = visit,
		.data = data,
		.done = STRBUF_INIT(PATH_MAX),
		.path = STRBUF_INIT(PATH_MAX),
	};

	strbuf_puts(&walk.path, path);
	if (walk_to_end(&walk) < 0)
		return -1;
	strbuf_puts(ret, walk.done.length ? walk.done.data : "/");
	return 0;
}

int root_resolve(const struct root *root, const char *path, struct strbuf *ret)
{
	return root_walk(root, path, NULL, NULL, ret);
}

/* ---- whole files */

/* A FIFO without a writer, a terminal or a tape would block or act on being read. */
static int check_regular(int fd)
{
	struct stat status;

	if (fstat(fd, &status) < 0)
		return -1;
	if (S_ISREG(status.st_mode))
		return 0;
	errno = S_ISDIR(status.st_mode) ? EISDIR : EINVAL;
	return -1;
}

static int read_all(int fd, struct strbuf *out)
{
	char bytes[16384];
	ssize_t length;

	while ((length = read(fd, bytes, sizeof(bytes))) != 0) {
		if (length < 0 && errno == EINTR)
			continue;
		if (length < 0)
			return -1;
		strbuf_add(out, bytes, (size_t)length);
		if (out->is_truncated) {
			errno = EFBIG;
			return -1;
		}
	}
	return 0;
}

int root_read(const struct root *root, const char *path, struct strbuf *out)
{
	CLEANUP_CLOSE int fd = root_open(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);

	return fd < 0 ? -1 : root_read_open(fd, out);
}

int root_read_open(int fd, struct strbuf *out)
{
	size_t old_length = out->length;
	int saved_errno;

	if (check_regular(fd) < 0)
		return -1;
	if (read_all(fd, out) == 0)
		return 0;
	saved_errno = errno;
	strbuf_truncate(out, old_length);
	errno = saved_errno;
	return -1;
}
