/* SPDX-License-Identifier: Zlib */
/* What an archive puts into the staging directory. */
#include "agent/unpack_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/error.h"

#define OPEN_DIRECTORY (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define FILLING 0755
#define FILLED 0555

static const struct timespec second_one[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = 1}};

static int fail(struct error *error)
{
	if (errno == EEXIST)
		return error_set(error, ERROR_AGENT, "it is in the archive twice");
	return error_set(
		error, ERROR_AGENT,
		"it cannot be written: %s; the file system needs space and inodes, and must "
		"not be read-only",
		strerror(errno));
}

int unpack_tree_open(struct unpack_tree *tree, int staging, struct error *error)
{
	*tree = (struct unpack_tree){.staging = staging, .store = -1};
	if (mkdirat(staging, "store", FILLING) == 0)
		tree->store = openat(staging, "store", OPEN_DIRECTORY);
	if (tree->store < 0)
		return error_set(error, ERROR_AGENT,
				 "store cannot be made in the staging directory: %s; it must be "
				 "fresh, and writable for this user",
				 strerror(errno));
	return 0;
}

void unpack_tree_close(struct unpack_tree *tree)
{
	while (tree->depth > 0)
		close(tree->levels[--tree->depth].fd);
	if (tree->store >= 0)
		close(tree->store);
	tree->store = -1;
}

static int innermost(const struct unpack_tree *tree)
{
	return tree->depth ? tree->levels[tree->depth - 1].fd : tree->store;
}

static int leave(struct unpack_tree *tree, unsigned int depth, struct error *error)
{
	while (tree->depth > depth) {
		int fd = tree->levels[--tree->depth].fd;
		bool is_finished = fchmod(fd, FILLED) == 0 && futimens(fd, second_one) == 0;
		int reason = errno;

		close(fd);
		errno = reason;
		if (!is_finished)
			return fail(error);
	}
	return 0;
}

int unpack_tree_finish(struct unpack_tree *tree, struct error *error)
{
	return leave(tree, 0, error);
}

/* One directory further, made where it is missing. */
static int enter_one(struct unpack_tree *tree, const char *name, size_t length, struct error *error)
{
	CLEANUP_CLOSE int fd = -1;
	char *slot = tree->levels[tree->depth].name;
	bool is_new;

	memcpy(slot, name, length);
	slot[length] = '\0';
	is_new = mkdirat(innermost(tree), slot, FILLING) == 0;
	if (!is_new && errno != EEXIST)
		return fail(error);
	fd = openat(innermost(tree), slot, OPEN_DIRECTORY);
	if (fd < 0 && (errno == ENOTDIR || errno == ELOOP))
		return error_set(error, ERROR_AGENT,
				 "what should be a directory was in the archive before, and is "
				 "none");
	if (fd < 0 || (!is_new && fchmod(fd, FILLING) < 0))
		return fail(error);
	tree->levels[tree->depth++].fd = TAKE_FD(fd);
	return 0;
}

/* Goes to the directory that the first LENGTH bytes of PATH name, from the one that is open, and finishes what
 * it leaves. */
static int enter(struct unpack_tree *tree, const char *path, size_t length, struct error *error)
{
	unsigned int depth = 0;

	for (size_t at = 0; at < length; depth++) {
		const char *name = path + at;
		const char *slash = memchr(name, '/', length - at);
		size_t count = slash ? (size_t)(slash - name) : length - at;
		const char *known = tree->levels[depth].name;

		at += count + 1;
		if (depth < tree->depth && strlen(known) == count &&
		    memcmp(known, name, count) == 0)
			continue;
		if (leave(tree, depth, error) < 0 || enter_one(tree, name, count, error) < 0)
			return -1;
	}
	return leave(tree, depth, error);
}

/* Goes to PATH's directory; the base name comes back, or NULL. */
static const char *enter_parent(struct unpack_tree *tree, const char *path, struct error *error)
{
	const char *slash = strrchr(path, '/');

	if (enter(tree, path, slash ? (size_t)(slash - path) : 0, error) < 0)
		return NULL;
	return slash ? slash + 1 : path;
}

int unpack_tree_directory(struct unpack_tree *tree, const char *path, struct error *error)
{
	return enter(tree, path, strlen(path), error);
}

static int make_file(int directory, const char *name, mode_t mode, struct error *error)
{
	int fd =
		openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);

	return fd < 0 ? fail(error) : fd;
}

int unpack_tree_file(struct unpack_tree *tree, const char *path, mode_t mode, struct error *error)
{
	const char *name = enter_parent(tree, path, error);

	return name ? make_file(innermost(tree), name, mode, error) : -1;
}

int unpack_tree_outside(struct unpack_tree *tree, const char *name, mode_t mode,
			struct error *error)
{
	return make_file(tree->staging, name, mode, error);
}

int unpack_tree_finish_file(int fd, struct error *error)
{
	bool is_finished = futimens(fd, second_one) == 0;
	int reason = errno;

	/* Some file systems tell only now that there was no space. */
	if (close(fd) == 0 && is_finished)
		return 0;
	if (!is_finished)
		errno = reason;
	return fail(error);
}

int unpack_tree_symlink(struct unpack_tree *tree, const char *path, const char *target,
			struct error *error)
{
	const char *name = enter_parent(tree, path, error);

	if (!name)
		return -1;
	if (symlinkat(target, innermost(tree), name) < 0 ||
	    utimensat(innermost(tree), name, second_one, AT_SYMLINK_NOFOLLOW) < 0)
		return fail(error);
	return 0;
}

/* PATH's directory, opened step by step: a descriptor that the caller closes, or -1 with errno; and its base
 * name. */
static int open_parent(const struct unpack_tree *tree, const char *path, const char **ret_name)
{
	CLEANUP_CLOSE int fd = openat(tree->store, ".", OPEN_DIRECTORY);

	for (const char *slash; fd >= 0 && (slash = strchr(path, '/')); path = slash + 1) {
		char name[UNPACK_MAX_COMPONENT + 1];
		size_t length = (size_t)(slash - path);
		int next;

		memcpy(name, path, length);
		name[length] = '\0';
		next = openat(fd, name, OPEN_DIRECTORY);
		close(fd);
		fd = next;
	}
	*ret_name = path;
	return TAKE_FD(fd);
}

int unpack_tree_link(struct unpack_tree *tree, const char *path, const char *target,
		     struct error *error)
{
	const char *name = enter_parent(tree, path, error), *target_name;
	CLEANUP_CLOSE int parent = open_parent(tree, target, &target_name);
	struct stat status;

	if (!name)
		return -1;
	if (parent < 0 || fstatat(parent, target_name, &status, AT_SYMLINK_NOFOLLOW) < 0 ||
	    !S_ISREG(status.st_mode))
		return error_set(error, ERROR_AGENT,
				 "a hard link to what is no file of the archive before it");
	if (linkat(parent, target_name, innermost(tree), name, 0) < 0)
		return fail(error);
	return 0;
}
