/* SPDX-License-Identifier: Zlib */
/* Which cache endpoints this job uses, and where each value came from. */
#pragma once

#include <stdbool.h>

#include "agent/finding.h"
#include "agent/lane.h"

struct attachment;
struct context;
struct contract;
struct expectations;
struct facts;
struct options;

/* One cache. All strings owned; url NULL means that there is nothing to use. */
struct endpoint {
	char *url;    /* may hold user info: show endpoint_display only */
	char *source; /* "flag --attic", "environment ATTIC_SERVER", "contract", … */
	char *cache;  /* Attic: the cache's name; else NULL */
	char *cache_source;
	char *public_key; /* Attic: the key to trust, "name:base64", or NULL */
	char *key_source;
	bool is_public_read;     /* the public cache, read only: never exported as ATTIC_SERVER */
	bool is_promise;         /* required: unreachable is an error, not a warning */
	bool is_contract_server; /* the contract's own server: pins hold, environment keys do not */
};

struct endpoints {
	struct endpoint attic;
	struct endpoint bazel;
	bool is_executor_refused; /* BAZEL_REMOTE_EXECUTOR is out of contract, or no URL */
};

/* What the endpoints are chosen from; all borrowed. */
struct endpoint_basis {
	const struct options *options;
	const struct context *context;
	const struct contract *contract;
	const struct lane *lane;
	const struct expectations *expect;
	const struct attachment *attachment; /* NULL: nothing is declared */
};

/* Applies the precedence (flag, environment, expectations, contract) and the out-of-contract rule:
 * such a value from the environment or expectations is never used, from a flag it is, with a
 * warning each. Bad URLs and cache names are findings, and not used. Pure. */
void endpoints_choose(struct endpoints *ret, const struct endpoint_basis *basis,
		      struct findings *findings);
void endpoints_release(struct endpoints *endpoints);

/* The URL without secrets; the caller frees. "" when there is none. */
char *endpoint_display(const struct endpoint *endpoint);

/* Forgets, and adds a finding for, what a probe says of its endpoint where that is not what it was
 * given: server, cache and key for the next steps are the ones that were chosen, or none. */
void endpoints_check_facts(const struct endpoints *endpoints, struct facts *facts,
			   struct findings *findings);
