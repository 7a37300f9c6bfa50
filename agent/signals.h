/* SPDX-License-Identifier: Zlib */
/* Signals of a process that will become another one: nothing is left changed for that. */
#pragma once

#include <signal.h>
#include <stdint.h>

/* A write to a closed pipe, or beyond the limit of a file's size, is an error with a name from here
 * on. Programs that this process executes find SIGPIPE and SIGXFSZ as its own caller left them. */
void signals_make_writes_fail(void);

/* What was changed while a child is waited for. */
struct signals {
	sigset_t
		ends; /* SIGTERM, SIGINT, SIGHUP: without those that the caller ignores or blocks */
	sigset_t held; /* those, and SIGCHLD */
	sigset_t old_mask;
	struct sigaction old_child;
};

/* Holds the signals that end this process, which must stand before the first fork: the kernel drops
 * what process 1 has no handler for, but not what it has blocked. */
void signals_hold(struct signals *ret);

/* Waits for a held signal until the monotonic time UNTIL_US (what has come already is taken first).
 * Returns its number, or 0 when the time is over. */
int signals_wait(const struct signals *signals, int64_t until_us);

/* Right before the exec: mask and actions as the caller left them. A held signal that has come, or
 * that comes until the exec, ends the process with 128 and its number. */
void signals_release(const struct signals *signals);
