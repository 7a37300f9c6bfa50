/* SPDX-License-Identifier: Zlib */
/* What lies in a store's directory. */
#pragma once

struct error;
struct words;

/* Adds the store path of every entry of PARENT/store (PARENT being /nix, or a staging directory) to RET,
 * in no order. A store that is not there is empty. Returns 0, or -1 with ERROR. */
int install_store_list(int parent, struct words *ret, struct error *error);

/* The same for NIX/store, which must be root's own (nix_tree_open). */
int install_store_list_own(int nix, struct words *ret, struct error *error);
