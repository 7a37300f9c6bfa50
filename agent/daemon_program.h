/* SPDX-License-Identifier: Zlib */
/* Which program is this machine's Nix daemon, and what it is given. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "agent/words.h"

struct error;
struct root;

/* Where things are on a machine. */
struct daemon_places {
	const char *socket;
	const char *determinate;  /* Determinate's own, which starts Nix's */
	const char *profile;      /* the directory with Nix's programs */
	const char *distribution; /* the distribution's nix-daemon */
	const char *systemd;      /* a directory where systemd is init */
	const char *systemctl;
	const char *const *unit_directories; /* NULL-terminated */
	uid_t owner; /* to whom all this belongs: root; the user of a test that is not */
};

extern const struct daemon_places daemon_places;

struct daemon_program {
	char *path;
	struct words arguments; /* with the name first, and a NULL behind the last */
};

#define CLEANUP_DAEMON_PROGRAM CLEANUP(daemon_program_release)
void daemon_program_release(struct daemon_program *program);

/* Chooses Determinate's daemon where it is installed, else the profile's, else the distribution's.
 * Returns 0, or -1 with ERROR: there is none, or others than root could change the first that is
 * there (the next one is not taken for it: it would be another daemon). */
int daemon_program_find(const struct root *root, const struct daemon_places *places,
			struct daemon_program *ret, struct error *error);

/* What a daemon gets of its job's environment. */
struct daemon_legacy {
	char *const *proxies;    /* NAME=VALUE of proxy variables, NULL-terminated; NULL: none */
	const char *tracking_id; /* RUNNER_TRACKING_ID; NULL: none */
};

/* Appends all that the daemon's environment has: HOME, PATH, the certificates of this machine and
 * LEGACY, and a NULL behind the last. Returns 0, or -1 with ERROR for what is no proxy variable, or has
 * control characters. */
int daemon_program_environment(const struct root *root, const struct daemon_places *places,
			       const struct daemon_legacy *legacy, struct words *environment,
			       struct error *error);

/* Appends the names of systemd's units for the daemon, where systemd is init and has any. */
void daemon_program_units(const struct root *root, const struct daemon_places *places,
			  struct words *units);

/* Makes the socket's directory and those above it (0755), as far as they are missing. It must be
 * root's, and no symlink: who could change it could put a socket of their own in the daemon's place.
 * Returns 0, or -1 with ERROR. */
int daemon_program_make_directory(const struct root *root, const struct daemon_places *places,
				  struct error *error);
