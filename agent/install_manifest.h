/* SPDX-License-Identifier: Zlib */
/* What spinup itself has put on this machine, so that an uninstallation takes back that and nothing
 * else: lines "KEY VALUE" in /nix/.spinup/manifest. */
#pragma once

#include <stdbool.h>

#include "agent/words.h"

struct error;
struct private_dir;

#define MANIFEST_NAME "manifest"

#define MANIFEST_SOURCE "source"       /* the name of the contract's source */
#define MANIFEST_PATH "path"           /* a store path */
#define MANIFEST_KEPT "kept"           /* a store path that was there before an installer ran */
#define MANIFEST_PROGRAM "program"     /* a file outside the store, ours alone */
#define MANIFEST_CONF "conf"           /* a Nix configuration file with our lines */
#define MANIFEST_ACCOUNT "account"     /* a build user, group or membership (install_builders.c) */
#define MANIFEST_INSTALLER "installer" /* SHA-256 of one that ran, and can take its work back */
#define MANIFEST_DIRECTORY "directory" /* that was not there before: /nix */

struct manifest {
	struct words lines;
};

/* Reads what is there; a missing file is an empty manifest. Returns 0, or -1 with ERROR: damaged, not
 * readable, or another user's. */
int manifest_read(struct manifest *ret, const struct private_dir *directory, struct error *error);
void manifest_release(struct manifest *manifest);

/* Adds a line that is not there yet. */
void manifest_add(struct manifest *manifest, const char *key, const char *value);

/* Adds the values of KEY, in the order in which they were added, to RET. */
void manifest_values(const struct manifest *manifest, const char *key, struct words *ret);
bool manifest_has(const struct manifest *manifest, const char *key, const char *value);

/* Puts it in the place of the file. Returns 0, or -1 with ERROR. */
int manifest_write(const struct manifest *manifest, const struct private_dir *directory,
		   struct error *error);
int manifest_remove(const struct private_dir *directory, struct error *error);
