/* SPDX-License-Identifier: Zlib */
/* The netrc file with the cache's token, merged with the one that Nix reads today. */
#pragma once

struct environment;
struct findings;
struct job;
struct run;
struct strbuf;

/* Adds the file and appends the line that names it. Only for a trusted user with a token that the
 * cache asks for. Reads the effective netrc file: the one thing that a composer reads itself, because
 * its content is secret and must pass through no record or fact. */
void nix_netrc_compose(struct environment *environment, const struct job *job,
		       const struct run *run, struct strbuf *lines, struct findings *findings);
