/* SPDX-License-Identifier: Zlib */
/* Lock, staging directory and journal of an installation. */
#include "agent/install_state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/error.h"
#include "agent/file_identity.h"
#include "agent/install_home.h"
#include "agent/install_manifest.h"
#include "agent/new_file.h"
#include "agent/nix_tree.h"
#include "agent/root.h"
#include "agent/run.h"
#include "agent/talk.h"
#include "agent/tree.h"
#include "agent/words.h"

#define CURE "it was not made by root, and is not used: remove it"
#define LOCK_NAME "lock"
#define STAGING_NAME "staging"
#define WAIT_MS 20
#define STAGE_STORE "store\n"
#define STAGE_DAEMON "daemon\n"

int install_state_open(struct install_state *state, const struct root *root, struct error *error)
{
	*state = (struct install_state)INSTALL_STATE_INIT;
	state->root = root;
	install_home_make(root);
	state->nix = nix_tree_mend(root, error);
	if (state->nix < 0)
		return -1;
	return private_dir_open_at(&state->directory, state->nix, INSTALL_STATE, CURE, error);
}

void install_state_close(struct install_state *state)
{
	if (state->lock >= 0)
		close(state->lock);
	private_dir_close(&state->directory);
	if (state->nix >= 0)
		close(state->nix);
	*state = (struct install_state)INSTALL_STATE_INIT;
}

/* A name of ours may have been taken while /nix was open to everybody. */
static int fail(const char *what, struct error *error)
{
	if (errno == EISDIR || errno == ENOTEMPTY || errno == ELOOP)
		return error_set(error, ERROR_AGENT,
				 "/nix/%s is no file: %s; it is none of spinup's, remove it", what,
				 strerror(errno));
	return error_set(error, ERROR_AGENT, "/nix/%s: %s", what, strerror(errno));
}

/* ---- the lock */

/* Whoever held the lock before may have been an uninstallation: then it is the lock of a file, or of a
 * directory, that nobody else can find any more. */
static bool is_in_place(const struct install_state *state, int lock)
{
	struct stat held, named;

	return fstat(state->nix, &held) == 0 &&
	       root_lstat(state->root, INSTALL_HOME, &named) == 0 && file_is_same(&held, &named) &&
	       file_is_at(state->directory.fd, state->nix, INSTALL_STATE_NAME) &&
	       file_is_at(lock, state->directory.fd, LOCK_NAME);
}

static int open_anew(struct install_state *state, struct error *error)
{
	const struct root *root = state->root;

	install_state_close(state);
	return install_state_open(state, root, error);
}

/* Returns 1 with the lock, 0 where it is to be tried again, or -1 with ERROR. */
static int try_lock(struct install_state *state, struct error *error)
{
	CLEANUP_CLOSE int fd = openat(state->directory.fd, LOCK_NAME,
				      O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	struct stat status;

	if (fd < 0 && errno == ENOENT)
		return open_anew(state, error);
	if (fd < 0 || fstat(fd, &status) < 0)
		return fail(INSTALL_STATE_NAME "/" LOCK_NAME, error);
	if (status.st_uid != geteuid())
		return error_set(error, ERROR_AGENT,
				 INSTALL_STATE "/" LOCK_NAME " belongs to user %u: " CURE,
				 (unsigned int)status.st_uid);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK || errno == EINTR
			       ? 0
			       : fail(INSTALL_STATE_NAME "/" LOCK_NAME, error);
	if (!is_in_place(state, fd))
		return open_anew(state, error);
	state->lock = TAKE_FD(fd);
	return 1;
}

int install_state_lock(struct install_state *state, int64_t end_us, struct error *error)
{
	bool has_said = false;
	int result;

	while ((result = try_lock(state, error)) == 0) {
		if (run_clock_us() >= end_us)
			return error_set(
				error, ERROR_AGENT,
				"another process has been installing or mending Nix here for "
				"all of the time that this one had");
		if (!has_said)
			talk("another process is installing or mending Nix here: waiting for it");
		has_said = true;
		(void)poll(NULL, 0, WAIT_MS);
	}
	return result < 0 ? -1 : 0;
}

/* ---- the directory */

static int list(const struct install_state *state, struct words *ret, struct error *error)
{
	int fd = openat(state->directory.fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CLEANUP_DIR DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	if (!directory) {
		(void)fail(INSTALL_STATE_NAME, error);
		if (fd >= 0)
			close(fd);
		return -1;
	}
	while ((errno = 0, entry = readdir(directory)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			words_add(ret, entry->d_name);
	return errno ? fail(INSTALL_STATE_NAME, error) : 0;
}

int install_state_remove(struct install_state *state, struct error *error)
{
	CLEANUP_WORDS struct words names = {0};

	if (list(state, &names, error) < 0)
		return -1;
	for (size_t i = 0; i < names.count; i++)
		if (strcmp(names.items[i], MANIFEST_NAME) != 0 &&
		    strcmp(names.items[i], LOCK_NAME) != 0 &&
		    tree_remove(state->directory.fd, names.items[i], error) < 0)
			return error_prefix(error, INSTALL_STATE);
	if (manifest_remove(&state->directory, error) < 0)
		return -1;
	if (unlinkat(state->directory.fd, LOCK_NAME, 0) < 0 && errno != ENOENT)
		return fail(INSTALL_STATE_NAME "/" LOCK_NAME, error);
	if (unlinkat(state->nix, INSTALL_STATE_NAME, AT_REMOVEDIR) < 0 && errno != ENOENT &&
	    errno != ENOTEMPTY && errno != EEXIST)
		return fail(INSTALL_STATE_NAME, error);
	return 0;
}

/* ---- the staging directory */

int install_staging_remove(struct install_state *state, struct error *error)
{
	return tree_remove(state->directory.fd, STAGING_NAME, error);
}

int install_staging_open(struct install_state *state, struct error *error)
{
	int fd;

	if (install_staging_remove(state, error) < 0)
		return -1;
	if (mkdirat(state->directory.fd, STAGING_NAME, 0700) < 0)
		return fail(INSTALL_STATE_NAME "/" STAGING_NAME, error);
	fd = openat(state->directory.fd, STAGING_NAME,
		    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? fail(INSTALL_STATE_NAME "/" STAGING_NAME, error) : fd;
}

/* ---- the journal */

static bool is_believed(int fd)
{
	struct stat status;

	return fd >= 0 && fstat(fd, &status) == 0 && status.st_uid == geteuid() &&
	       S_ISREG(status.st_mode);
}

enum install_stage install_journal_read(const struct install_state *state)
{
	CLEANUP_CLOSE int fd = openat(state->nix, INSTALL_JOURNAL_NAME,
				      O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	char text[sizeof(STAGE_DAEMON)] = "";

	if (fd < 0 && errno == ENOENT)
		return INSTALL_STAGE_NONE;
	if (is_believed(fd) && read(fd, text, sizeof(text) - 1) == (ssize_t)strlen(STAGE_DAEMON) &&
	    strcmp(text, STAGE_DAEMON) == 0)
		return INSTALL_STAGE_DAEMON;
	return INSTALL_STAGE_STORE;
}

int install_journal_write(struct install_state *state, enum install_stage stage,
			  struct error *error)
{
	const char *text = stage == INSTALL_STAGE_DAEMON ? STAGE_DAEMON : STAGE_STORE;
	const struct new_file file = {
		.directory = state->nix, .name = INSTALL_JOURNAL_NAME, .mode = 0644};

	if (new_file_put(&file, text, strlen(text)) < 0)
		return fail(INSTALL_JOURNAL_NAME, error);
	return 0;
}

int install_journal_remove(struct install_state *state, struct error *error)
{
	new_file_clear(state->nix, INSTALL_JOURNAL_NAME);
	if (unlinkat(state->nix, INSTALL_JOURNAL_NAME, 0) < 0 && errno != ENOENT)
		return fail(INSTALL_JOURNAL_NAME, error);
	return 0;
}
