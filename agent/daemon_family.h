/* SPDX-License-Identifier: Zlib */
/* Whatever belongs to a daemon: its session, and all that descends from it. Nix's workers, one for each
 * client, call setsid(2): they are in no session of ours, and live on when the daemon has ended. */
#pragma once

#include <stddef.h>

#include "agent/daemon_process.h"

struct root;

struct daemon_family {
	struct daemon_process *members;
	size_t count;
};

/* Adds to FAMILY (zero at first) FIRST, its session, and the descendants of all members. Asked while the
 * parents live: a process whose parent has ended descends from nobody who is known. */
void daemon_family_look(const struct root *root, const struct daemon_process *first,
			struct daemon_family *family);

/* Looks again and kills all members. Returns how many there were; 0 also where /proc does not tell. */
size_t daemon_family_kill(const struct root *root, const struct daemon_process *first,
			  struct daemon_family *family);

#define CLEANUP_DAEMON_FAMILY CLEANUP(daemon_family_release)
void daemon_family_release(struct daemon_family *family);

/* How many descendants of LISTENER run its parent's program, as whoever is forked for a client does; a
 * program that it has started is none. -1 where /proc does not tell. */
int daemon_family_workers(const struct root *root, const struct daemon_process *listener);
