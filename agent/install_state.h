/* SPDX-License-Identifier: Zlib */
/* What spinup keeps beside a store that it installs: /nix/.spinup, for root alone, with the lock, the
 * staging directory, the manifest and the daemon's log; and the journal /nix/.spinup-installing, which
 * everybody sees while an installation has begun and not ended. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/private_dir.h"

struct error;
struct root;

#define INSTALL_HOME "/nix"
#define INSTALL_STATE_NAME ".spinup"
#define INSTALL_STATE INSTALL_HOME "/" INSTALL_STATE_NAME
#define INSTALL_JOURNAL_NAME ".spinup-installing"
#define INSTALL_JOURNAL INSTALL_HOME "/" INSTALL_JOURNAL_NAME

struct install_state {
	const struct root *root;
	int nix;                      /* the directory /nix */
	struct private_dir directory; /* /nix/.spinup */
	int lock;                     /* held while open; -1: not held */
};
#define INSTALL_STATE_INIT                                                                         \
	{                                                                                          \
		.nix = -1, .directory = {.fd = -1}, .lock = -1                                     \
	}

/* Makes /nix where it is missing (install_home.h), gives it to root (nix_tree_mend) and opens the
 * directory. Root's alone; ROOT must outlive it. Returns 0, or -1 with ERROR; install_state_close is owed
 * in both cases, and gives the lock back. */
int install_state_open(struct install_state *state, const struct root *root, struct error *error);
void install_state_close(struct install_state *state);

/* Waits until no other process holds the lock, at most until END_US (run_clock_us()). Where an
 * uninstallation has taken the directory away meanwhile, STATE is opened anew. Returns 0, or -1 with
 * ERROR. The kernel gives the lock back when a process ends, however it ends. */
int install_state_lock(struct install_state *state, int64_t end_us, struct error *error);

/* Removes the directory, under the lock: the manifest last but the lock, so that a call that was killed
 * can be made again. One that another process has begun to use by then stays. Returns 0, or -1 with
 * ERROR. */
int install_state_remove(struct install_state *state, struct error *error);

/* An empty staging directory: what an earlier installation left there is removed. Returns a descriptor,
 * or -1 with ERROR. */
int install_staging_open(struct install_state *state, struct error *error);
int install_staging_remove(struct install_state *state, struct error *error);

/* How far an installation has come that has begun and not ended. */
enum install_stage {
	INSTALL_STAGE_NONE,   /* none has */
	INSTALL_STAGE_STORE,  /* the store may hold a part of it */
	INSTALL_STAGE_DAEMON, /* all is in its place, but the daemon has not answered yet */
};

/* A journal that cannot be read, or is not root's, counts as the earlier stage: all is looked at again. */
enum install_stage install_journal_read(const struct install_state *state);
int install_journal_write(struct install_state *state, enum install_stage stage,
			  struct error *error);
int install_journal_remove(struct install_state *state, struct error *error);
