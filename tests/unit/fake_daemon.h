/* SPDX-License-Identifier: Zlib */
/* A Nix daemon for tests: the test's own program, run again, does what a daemon does at its socket. */
#pragma once

#include <stdbool.h>

struct machine;

/* What it does, by its MODE:
 *   serve     unlinks and binds the socket, and greets each client in a process of its own,
 *             which has a session of its own, as Nix's has
 *   detached  the same in a session of its own, and comes back at once
 *   foreign   serves as user 1001
 *   close     closes each connection
 *   mute      accepts none, and says nothing
 *   idle      never listens */

/* Puts a program at PATH in the machine that says "running" on its output, then does what SCRIPT says
 * (a shell's; "$DAEMON serve" is the fake). Its socket is SOCKET, a real path. */
void fake_daemon_put(const struct machine *machine, const char *path, const char *socket,
		     const char *script);

/* To be asked first in main: whether this run is the daemon's. It then comes back only to end. */
bool fake_daemon_runs(int count, char **words);
