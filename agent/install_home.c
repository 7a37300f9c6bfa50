/* SPDX-License-Identifier: Zlib */
/* /nix, made and taken away in one step. */
#include "agent/install_home.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/install_manifest.h"
#include "agent/install_state.h"
#include "agent/private_dir.h"
#include "agent/root.h"
#include "agent/tree.h"

#define HOME "nix"
#define ASIDE ".nix.spinup" /* what is not in its place yet, or no more */
#define DIRECTORY_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define MODE 0755u

/* The root directory, or -1. Its lock keeps two that make and remove at once apart; anybody may hold it,
 * so that nothing waits for it. */
static int open_top(const struct root *root)
{
	CLEANUP_CLOSE int top = root_open(root, "/", O_RDONLY | O_DIRECTORY, 0);

	return top >= 0 && flock(top, LOCK_EX | LOCK_NB) == 0 ? TAKE_FD(top) : -1;
}

/* The C library may lack its function. */
static bool move(int top, const char *from, const char *to)
{
	return syscall(SYS_renameat2, top, from, top, to, RENAME_NOREPLACE) == 0;
}

/* Only what is spinup's own goes; returns whether that was all. */
static bool remove_aside(int top)
{
	CLEANUP_CLOSE int aside = openat(top, ASIDE, DIRECTORY_FLAGS);

	if (aside < 0)
		return errno == ENOENT;
	(void)tree_remove(aside, INSTALL_STATE_NAME, NULL);
	return unlinkat(top, ASIDE, AT_REMOVEDIR) == 0;
}

/* ---- making */

static int fill(int home)
{
	CLEANUP(private_dir_close) struct private_dir directory = {.fd = -1};
	CLEANUP(manifest_release) struct manifest manifest = {0};

	manifest_add(&manifest, MANIFEST_DIRECTORY, INSTALL_HOME);
	if (private_dir_open_at(&directory, home, INSTALL_STATE, "", NULL) < 0)
		return -1;
	return manifest_write(&manifest, &directory, NULL);
}

static bool make_aside(int top)
{
	CLEANUP_CLOSE int home = -1;

	if (!remove_aside(top) || mkdirat(top, ASIDE, MODE) < 0)
		return false;
	home = openat(top, ASIDE, DIRECTORY_FLAGS);
	return home >= 0 && fchmod(home, MODE) == 0 && fill(home) == 0;
}

void install_home_make(const struct root *root)
{
	CLEANUP_CLOSE int top = open_top(root);
	struct stat status;

	if (top < 0 || fstatat(top, HOME, &status, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT)
		return;
	if (!make_aside(top) || !move(top, ASIDE, HOME))
		(void)remove_aside(top);
}

/* ---- taking away */

static bool holds_only_state(int nix)
{
	int fd = openat(nix, ".", DIRECTORY_FLAGS);
	CLEANUP_DIR DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	if (!directory) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	while ((errno = 0, entry = readdir(directory)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
		    strcmp(entry->d_name, INSTALL_STATE_NAME) != 0)
			return false;
	return errno == 0;
}

bool install_home_remove(const struct root *root, int nix)
{
	CLEANUP_CLOSE int top = open_top(root);

	if (top < 0 || !holds_only_state(nix) || !remove_aside(top) || !move(top, HOME, ASIDE))
		return false;
	if (remove_aside(top))
		return true;
	/* Somebody has put something there meanwhile. */
	(void)move(top, ASIDE, HOME);
	return false;
}

void install_home_clear(const struct root *root)
{
	CLEANUP_CLOSE int top = open_top(root);

	if (top >= 0)
		(void)remove_aside(top);
}
