/* SPDX-License-Identifier: Zlib */
/* Our lines in a Nix configuration file (/etc/nix/nix.conf, nix.custom.conf), which may be somebody
 * else's. */
#pragma once

#include <stdbool.h>

struct error;
struct root;

#define NIX_CONF_EDIT_HEADER "# Made by spinup."
#define NIX_CONF_EDIT_BEGIN "# spinup: begin"
#define NIX_CONF_EDIT_END "# spinup: end"

/* Puts LINES (NULL-terminated, each "name = value" without newline, control bytes or '#') between our
 * markers at the end of the file at PATH, where they overrule what stands before; an earlier block of
 * ours goes. Everything else stays byte for byte, but that a last line gets its newline. With no lines
 * the block is taken out. A missing file is made, 0644 and with our header, its directory (0755) too;
 * one that begins with our header and holds nothing else any more is removed. One that would be the
 * same is not written.
 *
 * Refused: a symlink at PATH, a directory that others can write or own, a marker that lacks its other
 * half. For what a file that is a mount of its own means, see system_file.h.
 *
 * Nobody else who changes the file is waited for: the caller holds the installation's lock. Returns 0,
 * or -1 with ERROR and the file as it was. */
int nix_conf_edit(const struct root *root, const char *path, const char *const *lines,
		  bool *ret_changed, struct error *error);
