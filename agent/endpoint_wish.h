/* SPDX-License-Identifier: Zlib */
/* Wishes for a value of an endpoint: what a flag, a variable or the contract names, and whether it may
 * be used. Known to endpoint.c alone. */
#pragma once

#include "agent/endpoint.h"

struct out_of_contract;

/* What choosing is done from. */
struct chooser {
	const struct endpoint_basis *basis;
	struct findings *findings;
};

enum origin { ORIGIN_FLAG, ORIGIN_ENVIRONMENT, ORIGIN_CONTRACT };

/* One possible value and where it comes from; value NULL: this source has none. */
struct wish {
	const char *value;
	const char *source;
	enum origin origin;
};

/* What the two caches differ in. */
struct cache_kind {
	enum lane_promise promise;
	const char *const *schemes; /* NULL-terminated */
	bool is_private; /* its host must not be public, nor undeclared on this machine */
};

/* SOURCE NULL: FALLBACK, the flag's name. */
struct wish wish_of_flag(const char *value, const char *source, const char *fallback);
struct wish wish_of_variable(const struct chooser *chooser, const char *name);

/* True where ROW (NULL: nothing forbids it) leaves the wish usable: what is out of contract counts
 * from a flag alone. Says so; SHOWN is the value without secrets. */
bool wish_passes_contract(const struct chooser *chooser, const struct wish *wish,
			  const struct out_of_contract *row, const char *shown);

/* Whether the wish is a usable URL of that cache; says why it is not. */
bool wish_is_url(const struct chooser *chooser, const struct cache_kind *kind,
		 const struct wish *wish);
