/* SPDX-License-Identifier: Zlib */
/* What a listed substituter is worth, told from its answer for nix-cache-info. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "agent/http.h"

struct nix_conf;
struct words;

enum substituter_state {
	SUBSTITUTER_GOOD,
	SUBSTITUTER_DEAD,      /* no answer, or one at which Nix tries again and again */
	SUBSTITUTER_NOT_CACHE, /* Nix drops it */
	SUBSTITUTER_STORE_DIR, /* Nix drops it */
	SUBSTITUTER_NO_ACCESS, /* asks for credentials */
	SUBSTITUTER_UNKNOWN,   /* this answer proves nothing */
};

/* Pure. */
enum substituter_state substituter_judge(const struct http_response *response);

/* Adds what the configuration lists itself and speaks HTTP to RET, without OWN (the lane's Attic
 * cache with its name; NULL: none), which has a probe of its own. Nix's built-in default is not
 * listed: in a cluster without a way out its proof would only cost time. */
void substituters_listed(const struct nix_conf *conf, const char *own, struct words *ret);
