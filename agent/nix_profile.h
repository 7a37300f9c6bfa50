/* SPDX-License-Identifier: Zlib */
/* Which Nix this is, told from where its program lies: no process is started for it. */
#pragma once

#include <stdbool.h>

/* The profile of all users, which an installation makes. */
#define NIX_PROFILE_DEFAULT "/nix/var/nix/profiles/default"
#define NIX_PROFILE_DEFAULT_BIN NIX_PROFILE_DEFAULT "/bin"

#define NIX_FLAVOUR_DETERMINATE "determinate"
#define NIX_FLAVOUR_UPSTREAM "upstream"
#define NIX_FLAVOUR_LIX "lix"
#define NIX_FLAVOUR_DISTRIBUTION "distribution" /* a package of the system: no store path */
#define NIX_FLAVOUR_UNKNOWN "unknown"

/* Those that can be asked for, NULL-terminated. */
extern const char *const nix_flavours[];

struct nix_profile {
	const char *flavour;  /* one of the above */
	char version[64];     /* of Nix, or of Lix; "" when the path does not tell */
	char determinate[64]; /* Determinate Nix's own number, or "" */
	char *store_path;     /* "/nix/store/<hash>-<name>", or NULL */
};

/* PROGRAM is the nix program's path with every link followed. */
void nix_profile_of(const char *program, struct nix_profile *ret);
void nix_profile_release(struct nix_profile *profile);
