/* SPDX-License-Identifier: Zlib */
/* The users that builds run as, and what of them is spinup's. */
#pragma once

#include <sys/types.h>

struct error;
struct installation;

/* Makes the build users that are missing, and notes them in the manifest, which it writes, before it
 * does. RET gets the group's number. Returns 1, or 0 where none was missing, or -1 with ERROR. */
int install_builders(struct installation *installation, gid_t *ret, struct error *error);

/* Takes back those of the manifest; some of them may never have been made. Returns 0, or -1 with ERROR. */
int install_builders_undo(struct installation *installation, struct error *error);
