/* SPDX-License-Identifier: Zlib */
/* The lines of NIX_CONFIG that are about binary caches: the proven one added, dead ones left out,
 * and only what the daemon will heed from this user (Nix: libstore/daemon.cc). */
#pragma once

#include <stdbool.h>

struct contract;
struct findings;
struct job;
struct out_of_contract;
struct run;
struct strbuf;

/* Appends the lines, none where there is nothing to say. What cannot be had is added to FINDINGS,
 * with what an administrator must do. Pure. */
void nix_caches_compose(const struct job *job, const struct run *run, struct strbuf *lines,
			struct findings *findings);

/* Whether two substituters are the same place: scheme, host, port and path; parameters, a trailing
 * slash and credentials do not count. */
bool nix_caches_is_same(const char *left, const char *right);

/* The contract's row that rules a listed substituter out, or NULL; parameters do not count. */
const struct out_of_contract *nix_caches_forbidden(const struct contract *contract,
						   const char *substituter);

/* Whether the daemon (or nobody, where the store is opened directly) heeds what this user sets. */
bool nix_caches_is_heeded(const struct run *run);
