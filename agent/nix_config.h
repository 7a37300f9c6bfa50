/* SPDX-License-Identifier: Zlib */
/* NIX_CONFIG for the next steps: the job's own text between ours. */
#pragma once

struct environment;
struct findings;
struct job;
struct run;

/* Adds NIX_CONFIG, NIX_REMOTE, NIX_SSL_CERT_FILE, NIX_PROFILES, netrc and PATH entries; nothing where
 * Nix was not proven. A NIX_CONFIG of the job that is broken stays as it is. Pure, but for reading the
 * effective netrc file (nix_netrc.h). */
void nix_config_compose(struct environment *environment, const struct job *job,
			const struct run *run, struct findings *findings);
