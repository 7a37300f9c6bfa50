/* SPDX-License-Identifier: Zlib */
/* What an Attic token says about itself (Attic: token/src/lib.rs). Nothing is verified, and
 * Attic reserves the right to other tokens: what is read here is advice, never a proof. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define JWT_MAX_BYTES 32768u
/* The server's tolerance for the expiry time, in seconds. */
#define ATTIC_TOKEN_GRACE_SECONDS 900

struct attic_token {
	bool has_expiry, has_not_before;
	int64_t expiry, not_before; /* seconds since the epoch */
	bool has_permissions;       /* it has Attic's own claim at all */
	char pattern[64];           /* the entry that decides for the cache, or "": none matches */
	bool may_pull, may_push;
};

/* Reads the claims of TOKEN, and its permissions on CACHE by Attic's rule: the exact name, else the
 * first pattern in the token's own order. False when TOKEN is no JWT that can be read. */
bool attic_token_read(const char *token, const char *cache, struct attic_token *ret);
