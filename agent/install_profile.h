/* SPDX-License-Identifier: Zlib */
/* The default profile: the link by which every user finds Nix. */
#pragma once

struct error;
struct installation;
struct registration;

/* Makes /nix/var/nix/profiles/default lead to the user environment that the closure brought, or, where
 * it brought none, has the closure's own nix-env make one of NIX and the certificates. Returns 0, or -1
 * with ERROR. */
int install_profile(const struct installation *installation,
		    const struct registration *registration, const char *nix, struct error *error);

/* Makes a default profile that leads to nothing lead to its newest generation that has a nix. Returns 1
 * when it does now, 0 when there is no such generation, -1 with ERROR. */
int install_profile_mend(const struct installation *installation, struct error *error);
