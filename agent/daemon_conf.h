/* SPDX-License-Identifier: Zlib */
/* What spinup adds to the Nix daemon's own configuration. Only what the contract pins may come in. */
#pragma once

#include <stdbool.h>

struct contract;
struct error;
struct root;

enum daemon_conf_part {
	DAEMON_CONF_BUILDERS = 1u << 0, /* build-users-group, where nothing sets it */
	DAEMON_CONF_FEATURES = 1u << 1, /* nix-command and flakes, where nothing sets features */
	DAEMON_CONF_CACHE = 1u << 2,    /* the contract's cluster cache, allowed for every user */
};

/* The file that an administrator would edit: determinate-nixd writes nix.conf anew at each start, and
 * includes nix.custom.conf. */
const char *daemon_conf_path(const struct root *root);

/* Adds the lines of PARTS (enum daemon_conf_part bits) to ours; lines of ours that are there stay.
 * Returns 0 and whether the file changed, or -1 with ERROR and the file as it was. */
int daemon_conf_add(const struct root *root, const struct contract *contract, unsigned int parts,
		    bool *ret_changed, struct error *error);
