/* SPDX-License-Identifier: Zlib */
/* Nix from nothing: one installation at a time, from the first of the contract's sources that can be
 * had. Killed at any point, it leaves what the next one completes. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/install_manifest.h"
#include "agent/install_state.h"

struct channel;
struct context;
struct contract;
struct error;
struct strbuf;

struct installation {
	const struct context *context;
	const struct contract *contract;
	struct channel *channel; /* gets a finding for each source that could not be had */
	int64_t end_us;          /* run_clock_us() when time is over */
	bool is_store_verified;  /* every path is held against its hash (--verify-store) */
	bool is_anew;            /* also where a Nix is there: its store is damaged */

	/* The rest is install.c's own. */
	struct install_state state;
	struct manifest manifest;
	int staging;
	bool is_begun; /* something may have come to its place */
};

/* Installs Nix where it is absent or was half installed; its daemon is the caller's to start, who then
 * calls install_finish. Root's alone. SAID gets what was done ("installed Nix (upstream 2.26.3) …").
 * Returns 0, or -1 with ERROR. */
int install_nix(struct installation *installation, struct strbuf *said, struct error *error);

/* Takes the journal away: the daemon has answered. Returns 0, or -1 with ERROR. */
int install_finish(struct installation *installation, struct error *error);

/* Whether the default profile leads to a nix in the store. */
bool install_is_whole(const struct context *context);
