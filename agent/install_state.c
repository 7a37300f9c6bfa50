/* SPDX-License-Identifier: Zlib */
/* Lock, staging directory and journal of an installation. */
#include "agent/install_state.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/error.h"
#include "agent/new_file.h"
#include "agent/nix_tree.h"
#include "agent/root.h"
#include "agent/run.h"
#include "agent/talk.h"
#include "agent/tree.h"

#define LOCK_NAME "lock"
#define STAGING_NAME "staging"
#define WAIT_MS 20
#define STAGE_STORE "store\n"
#define STAGE_DAEMON "daemon\n"

int install_state_open(struct install_state *state, const struct root *root, struct error *error)
{
	*state = (struct install_state)INSTALL_STATE_INIT;
	state->nix = nix_tree_mend(root, error);
	if (state->nix < 0)
		return -1;
	return private_dir_open(&state->directory, root, "/nix", INSTALL_STATE_NAME, error);
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

static int fail(const char *what, struct error *error)
{
	return error_set(error, ERROR_AGENT, "/nix/%s: %s", what, strerror(errno));
}

int install_state_lock(struct install_state *state, int64_t end_us, struct error *error)
{
	CLEANUP_CLOSE int fd = openat(state->directory.fd, LOCK_NAME,
				      O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	bool has_said = false;

	if (fd < 0)
		return fail(INSTALL_STATE_NAME "/" LOCK_NAME, error);
	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return fail(INSTALL_STATE_NAME "/" LOCK_NAME, error);
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
	state->lock = TAKE_FD(fd);
	return 0;
}

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

/* What cannot be read counts as the earlier stage: then all is looked at again. */
enum install_stage install_journal_read(const struct install_state *state)
{
	CLEANUP_CLOSE int fd = openat(state->nix, INSTALL_JOURNAL_NAME,
				      O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	char text[sizeof(STAGE_DAEMON)] = "";

	if (fd < 0 && errno == ENOENT)
		return INSTALL_STAGE_NONE;
	if (fd >= 0 && read(fd, text, sizeof(text) - 1) == (ssize_t)strlen(STAGE_DAEMON) &&
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
	if (unlinkat(state->nix, INSTALL_JOURNAL_NAME, 0) < 0 && errno != ENOENT)
		return fail(INSTALL_JOURNAL_NAME, error);
	return 0;
}
