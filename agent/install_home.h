/* SPDX-License-Identifier: Zlib */
/* /nix itself, where it is spinup that made it: it comes with a manifest in it that says so, and goes with
 * the last of it, each in one step, so that a kill leaves no /nix that nobody takes back. */
#pragma once

#include <stdbool.h>

struct root;

/* Makes /nix where nothing is at its place. Where it cannot be had in one step it is left to
 * nix_tree_mend: then it is nobody's to take away. */
void install_home_make(const struct root *root);

/* Takes /nix away where nothing but spinup's own directory lies in it (NIX is its descriptor). Returns
 * whether it is gone: a volume, and one of an image's lower layers, cannot go so. */
bool install_home_remove(const struct root *root, int nix);

/* Takes away what a kill has left of either. */
void install_home_clear(const struct root *root);
