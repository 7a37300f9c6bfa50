/* SPDX-License-Identifier: Zlib */
/* The directories that a Nix store of root's lives in. */
#include "agent/nix_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/error.h"
#include "agent/mem.h"
#include "agent/root.h"
#include "agent/strbuf.h"

#define OPEN_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define STORE "store"
#define STORE_MODE 01775u
#define MODE 0755u

/* Parents before children; as Nix makes them itself. */
static const char *const directories[] = {
	"var",
	"var/log",
	"var/log/nix",
	"var/log/nix/drvs",
	"var/nix",
	"var/nix/builds",
	"var/nix/daemon-socket",
	"var/nix/db",
	"var/nix/gcroots",
	"var/nix/gcroots/per-user",
	"var/nix/profiles",
	"var/nix/profiles/per-user",
	"var/nix/temproots",
	"var/nix/userpool",
};

static int fail(struct error *error, const char *path)
{
	return error_set(error, ERROR_AGENT, "/nix%s%s: %s", *path ? "/" : "", path,
			 strerror(errno));
}

/* Whoever may write to a directory may put anything in the place of what it holds. */
static int check_owner(const struct stat *status, const char *path, struct error *error)
{
	bool is_sticky = status->st_mode & S_ISVTX;

	if (status->st_uid != 0)
		return error_set(error, ERROR_AGENT,
				 "/nix/%s belongs to user %u, so it was not made by root; remove "
				 "it, or empty the volume at /nix",
				 path, (unsigned int)status->st_uid);
	if ((status->st_mode & S_IWOTH) || ((status->st_mode & S_IWGRP) && !is_sticky))
		return error_set(error, ERROR_AGENT,
				 "/nix/%s can be changed by others (mode %04o): what it holds is "
				 "not trusted; remove it, or empty the volume at /nix",
				 path, status->st_mode & 07777);
	return 0;
}

/* NAME is the last component of PATH, which is for the message. */
static int open_step(int parent, const char *name, const char *path, struct error *error)
{
	CLEANUP_CLOSE int fd = openat(parent, name, OPEN_FLAGS);
	struct stat status;

	if (fd < 0 && (errno == ELOOP || errno == ENOTDIR))
		return error_set(error, ERROR_AGENT,
				 "/nix/%s is no directory: it is not followed; remove it, or empty "
				 "the volume at /nix",
				 path);
	if (fd < 0 || fstat(fd, &status) < 0)
		return fail(error, path);
	if (check_owner(&status, path, error) < 0)
		return -1;
	return TAKE_FD(fd);
}

int nix_tree_open(int nix, const char *path, struct error *error)
{
	CLEANUP_CLOSE int fd = fcntl(nix, F_DUPFD_CLOEXEC, 0);
	const char *at = path;

	while (*at) {
		size_t length = strcspn(at, "/");
		CLEANUP_FREE char *name = mem_strndup(at, length);
		CLEANUP_FREE char *so_far = mem_strndup(path, (size_t)(at - path) + length);
		int next = open_step(fd, name, so_far, error);

		if (next < 0)
			return -1;
		close(fd);
		fd = next;
		at += length + (at[length] == '/');
	}
	return TAKE_FD(fd);
}

static int make_directory(int nix, const char *path, struct error *error)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	CLEANUP_FREE char *parent_path = mem_strndup(path, slash ? (size_t)(slash - path) : 0);
	CLEANUP_CLOSE int parent = nix_tree_open(nix, parent_path, error);
	CLEANUP_CLOSE int made = -1;

	if (parent < 0)
		return -1;
	if (mkdirat(parent, name, MODE) < 0 && errno != EEXIST)
		return fail(error, path);
	made = open_step(parent, name, path, error);
	return made < 0 ? -1 : 0;
}

/* The store's mode and group are Nix's own; it sets them anew at each start. */
static int make_store(int nix, gid_t build_group, struct error *error)
{
	CLEANUP_CLOSE int store = -1;
	struct stat status;

	if (make_directory(nix, STORE, error) < 0)
		return -1;
	store = nix_tree_open(nix, STORE, error);
	if (store < 0 || fstat(store, &status) < 0)
		return store < 0 ? -1 : fail(error, STORE);
	if (status.st_gid != build_group && fchown(store, 0, build_group) < 0)
		return fail(error, STORE);
	if ((status.st_mode & 07777) != STORE_MODE && fchmod(store, STORE_MODE) < 0)
		return fail(error, STORE);
	return 0;
}

int nix_tree_mend(const struct root *root, struct error *error)
{
	CLEANUP_CLOSE int top = root_open(root, "/", O_RDONLY | O_DIRECTORY, 0);
	CLEANUP_CLOSE int nix = -1;
	struct stat status;

	if (top < 0 || (mkdirat(top, "nix", MODE) < 0 && errno != EEXIST))
		return fail(error, "");
	nix = openat(top, "nix", OPEN_FLAGS);
	if (nix < 0 && (errno == ELOOP || errno == ENOTDIR))
		return error_set(error, ERROR_AGENT,
				 "/nix is no directory; Nix itself refuses a "
				 "symlink there");
	if (nix < 0 || fstat(nix, &status) < 0)
		return fail(error, "");
	if ((status.st_uid != 0 || status.st_gid != 0) && fchown(nix, 0, 0) < 0)
		return fail(error, "");
	if ((status.st_mode & 07777) != MODE && fchmod(nix, MODE) < 0)
		return fail(error, "");
	return TAKE_FD(nix);
}

int nix_tree_make(const struct root *root, gid_t build_group, struct error *error)
{
	CLEANUP_CLOSE int nix = nix_tree_mend(root, error);

	if (nix < 0 || make_store(nix, build_group, error) < 0)
		return -1;
	for (size_t i = 0; i < sizeof(directories) / sizeof(directories[0]); i++)
		if (make_directory(nix, directories[i], error) < 0)
			return -1;
	return TAKE_FD(nix);
}
