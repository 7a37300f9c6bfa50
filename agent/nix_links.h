/* SPDX-License-Identifier: Zlib */
/* Symlinks in /usr/local/bin that bring Nix to the steps behind a hook: what a hook writes to
 * GITHUB_PATH breaks container jobs (actions/runner#3210). */
#pragma once

struct environment;
struct error;
struct facts;
struct findings;
struct job;
struct root;

#define NIX_LINKS_DIRECTORY "/usr/local/bin"

/* In a hook whose PATH does not find Nix: settles environment->linked_bin when the links can be made,
 * else says in FINDINGS why not. Looks, and changes nothing. */
void nix_links_compose(struct environment *environment, const struct job *job,
		       const struct facts *facts, struct findings *findings);

/* Links Nix's programs in BIN, each in one step. What is there and is no link into /nix stays as it
 * is. Returns 0, or -1 with ERROR. */
int nix_links_make(const struct root *root, const char *bin, struct error *error);

/* Removes those of the links in /usr/local/bin that lead to BIN's programs. */
void nix_links_remove(const struct root *root, const char *bin);
