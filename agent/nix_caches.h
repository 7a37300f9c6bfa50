/* SPDX-License-Identifier: Zlib */
/* The lines of NIX_CONFIG that are about binary caches: the proven one added, dead ones left out,
 * and only what the daemon will heed from this user (Nix: libstore/daemon.cc). */
#pragma once

#include <stdbool.h>

struct findings;
struct job;
struct run;
struct strbuf;

/* Appends the lines, none where there is nothing to say. What cannot be had is added to FINDINGS,
 * with what an administrator must do. Pure. */
void nix_caches_compose(const struct job *job, const struct run *run, struct strbuf *lines,
			struct findings *findings);

/* Whether two substituters are the same place: scheme, host, port and path; parameters, a trailing
 * slash and credentials do not count. */
bool nix_caches_is_same(const char *left, const char *right);

/* Whether the daemon (or nobody, where the store is opened directly) heeds what this user sets. */
bool nix_caches_is_heeded(const struct run *run);
