/* SPDX-License-Identifier: Zlib */
/* The platform contract, version 1: compiled in (contract.json) or --contract FILE. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/install_source.h"
#include "agent/lane.h"

struct error;
struct root;

/* A value that must not be used any more, with the reason and what replaces it. */
struct out_of_contract {
	char *match; /* wildcard pattern for the value, its host, or its host:port; NULL: a rule */
	char *rule;  /* a check that the agent makes itself, by name; else NULL */
	char *reason;
	char *replacement; /* may be "" */
};

struct contract {
	int64_t version;
	char *source;               /* "built in" or the file's path */
	char *attic_cluster_url;    /* http://attic.nix-cache.svc.cluster.local */
	char *attic_public_url;     /* https://nix-cache.tinyland.dev */
	char *attic_cache;          /* main */
	char *attic_canary;         /* a store path that the cache must hold; NULL: none */
	char **attic_keys;          /* pinned, "name:base64"; NULL-terminated */
	char **attic_retired_keys;  /* NULL-terminated */
	char *bazel_cluster_url;    /* grpc://bazel-cache.nix-cache.svc.cluster.local:9092 */
	char *flakehub_url;         /* publication and discovery only */
	int64_t heavy_memory_bytes; /* "more than 8 GiB" */
	struct lane *lanes;         /* the rows of the label table */
	size_t lane_count;
	char **fossils;                 /* labels that are no capability labels; NULL-terminated */
	struct install_source *install; /* where Nix comes from, in the order of trying */
	size_t install_count;
	struct out_of_contract *out_of_contract;
	size_t out_of_contract_count;
	char *text; /* the JSON as read, for `spinup contract` */
};

/* Reads and validates. PATH NULL is the compiled-in one. An unknown key, a bad type, a duplicate
 * key, an unknown version is an error that names file and JSON pointer (line and column for
 * syntax). Returns 0, or -1 with ERROR (ERROR_USAGE). */
int contract_read(struct contract *ret, const struct root *root, const char *path,
		  struct error *error);
void contract_release(struct contract *contract);

/* The row whose pattern VALUE (a URL, or a variable's name), its host or its host:port matches, or
 * NULL. */
const struct out_of_contract *contract_forbids(const struct contract *contract, const char *value);

/* Names of rules: a Bazel cache host that is public (not *.svc*, RFC 1918, ULA, 100.64/10, *.ts.net or
 * localhost); an endpoint on localhost that is not declared as a proof. */
#define CONTRACT_RULE_PUBLIC_BAZEL "public-bazel-host"
#define CONTRACT_RULE_LOCALHOST "localhost"

/* The row of that rule, for its reason and replacement; NULL where the contract has none: then the
 * rule does not hold. */
const struct out_of_contract *contract_rule(const struct contract *contract, const char *rule);
