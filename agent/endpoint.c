/* SPDX-License-Identifier: Zlib */
/* Which cache endpoints this job uses. Each value is the first good one of its wishes: flag,
 * environment, contract. Expectations set none: they come with the change that is to be built. */
#include "agent/endpoint.h"

#include <stdlib.h>
#include <string.h>

#include "agent/attachment.h"
#include "agent/attic_config.h"
#include "agent/cleanup.h"
#include "agent/context.h"
#include "agent/contract.h"
#include "agent/endpoint_wish.h"
#include "agent/expect.h"
#include "agent/mem.h"
#include "agent/narinfo.h"
#include "agent/options.h"
#include "agent/url.h"

#define MAX_WISHES 4u

static const struct cache_kind attic_kind = {
	.promise = LANE_ATTIC,
	.schemes = (const char *const[]){"http", "https", NULL},
};
static const struct cache_kind bazel_kind = {
	.promise = LANE_BAZEL,
	.schemes = (const char *const[]){"grpc", "grpcs", "http", "https", NULL},
	.is_private = true,
};

/* ---- does this lane use the cache at all? */

static bool is_required(const struct chooser *chooser, enum lane_promise promise)
{
	for (size_t i = 0; chooser->basis->options->require[i]; i++)
		if (lane_promise_by_name(chooser->basis->options->require[i]) & promise)
			return true;
	return chooser->basis->expect->require & promise;
}

/* A lane that nobody described says nothing against a cache that its environment names. */
static bool is_described(const struct lane *lane)
{
	return lane->status != LANE_STATUS_FOSSIL && lane->status != LANE_STATUS_HOSTED &&
	       lane->status != LANE_STATUS_UNSUPPORTED && lane->status != LANE_STATUS_UNKNOWN;
}

/* A declared attachment is a promise, too; that nothing is set for it is the attachment's finding. */
static bool is_promised(const struct chooser *chooser, enum lane_promise promise)
{
	return is_required(chooser, promise) ||
	       (promise == LANE_BAZEL && attachment_wants_cache(chooser->basis->attachment));
}

static bool has_cache(const struct chooser *chooser, enum lane_promise promise)
{
	return (chooser->basis->lane->promises & promise) || is_promised(chooser, promise);
}

static bool heeds_environment(const struct chooser *chooser, enum lane_promise promise)
{
	return has_cache(chooser, promise) || !is_described(chooser->basis->lane);
}

/* Who declares that Bazel is not attached gets no cache that nobody named. */
static bool has_contract_default(const struct chooser *chooser, enum lane_promise promise)
{
	if (promise == LANE_BAZEL && attachment_is_local(chooser->basis->attachment))
		return false;
	return has_cache(chooser, promise) && chooser->basis->lane->has_cluster_endpoints &&
	       chooser->basis->context->audience == AUDIENCE_CLUSTER;
}

static void choose_url(struct endpoint *ret, const struct chooser *chooser,
		       const struct cache_kind *kind, const struct wish wishes[MAX_WISHES])
{
	for (size_t i = 0; i < MAX_WISHES; i++) {
		size_t length;

		if (!wishes[i].value || !wish_is_url(chooser, kind, &wishes[i]))
			continue;
		length = strlen(wishes[i].value);
		while (wishes[i].value[length - 1] == '/')
			length--;
		ret->url = mem_strndup(wishes[i].value, length);
		ret->source = mem_strdup(wishes[i].source);
		break;
	}
	ret->is_promise = is_promised(chooser, kind->promise);
	if (is_required(chooser, kind->promise) && !ret->url)
		findings_note(
			chooser->findings, FINDING_REQUIRED_CACHE_WITHOUT_ENDPOINT,
			lane_promise_name(kind->promise),
			"the %s cache is required, and nothing names a usable endpoint for it",
			lane_promise_name(kind->promise));
}

/* Whether two URLs name one server; user info does not count. */
static bool is_same_server(const char *a, const char *b)
{
	CLEANUP(url_release) struct url left = {0};
	CLEANUP(url_release) struct url right = {0};

	if (!a || !b || url_parse(a, &left, NULL) < 0 || url_parse(b, &right, NULL) < 0)
		return false;
	return url_is_same(&left, &right);
}

/* ---- Attic */

static void choose_cache(struct endpoint *ret, const struct chooser *chooser)
{
	const struct options *options = chooser->basis->options;
	const struct wish wishes[] = {
		wish_of_flag(options->attic_cache, options->attic_cache_source, "--attic-cache"),
		wish_of_variable(chooser, "ATTIC_CACHE"),
		{chooser->basis->contract->attic_cache, "contract", ORIGIN_CONTRACT},
	};

	for (size_t i = 0; i < sizeof(wishes) / sizeof(wishes[0]); i++) {
		const struct wish *wish = &wishes[i];

		if (!wish->value)
			continue;
		if (!attic_cache_name_is_valid(wish->value)) {
			findings_note(chooser->findings, FINDING_ATTIC_CACHE_NAME_NOT_VALID,
				      wish->source, "%s holds no name of a cache", wish->source);
			continue;
		}
		if (wish->origin != ORIGIN_CONTRACT &&
		    !wish_passes_contract(chooser, wish,
					  contract_forbids(chooser->basis->contract, wish->value),
					  wish->value))
			continue;
		ret->cache = mem_strdup(wish->value);
		ret->cache_source = mem_strdup(wish->source);
		return;
	}
}

static bool is_among(char *const *keys, const char *key)
{
	for (; keys && *keys; keys++)
		if (strcmp(*keys, key) == 0)
			return true;
	return false;
}

/* False, with a finding, where the wish may not be trusted for this server. */
static bool key_passes(const struct chooser *chooser, const struct endpoint *attic,
		       const struct wish *wish)
{
	struct nix_key key;

	if (wish->origin == ORIGIN_CONTRACT)
		return true;
	if (!nix_key_parse(wish->value, &key)) {
		findings_note(chooser->findings, FINDING_ATTIC_KEY_NOT_VALID, wish->source,
			      "%s holds no key: name:base64 of 32 bytes", wish->source);
		return false;
	}
	if (wish->origin == ORIGIN_ENVIRONMENT && attic->is_contract_server) {
		if (!is_among(chooser->basis->contract->attic_keys, wish->value))
			findings_note(chooser->findings, FINDING_ATTIC_KEY_IGNORED, wish->source,
				      "a key named %s that the contract does not pin for its own "
				      "server",
				      key.name);
		return false;
	}
	if (is_among(chooser->basis->contract->attic_retired_keys, wish->value))
		findings_note(chooser->findings, FINDING_ATTIC_GIVEN_KEY_RETIRED, wish->source,
			      "%s is a key that the contract has retired", wish->value);
	return true;
}

/* The pin is for the contract's own cache on the contract's own servers, and for nothing else. */
static const char *pinned_key(const struct chooser *chooser, const struct endpoint *attic)
{
	const struct contract *contract = chooser->basis->contract;

	if (!attic->is_contract_server || !attic->cache ||
	    strcmp(attic->cache, contract->attic_cache) != 0)
		return NULL;
	return contract->attic_keys ? contract->attic_keys[0] : NULL;
}

static void choose_key(struct endpoint *ret, const struct chooser *chooser)
{
	const struct options *options = chooser->basis->options;
	const struct wish wishes[] = {
		wish_of_flag(options->attic_public_key, options->attic_key_source,
			     "--attic-public-key"),
		wish_of_variable(chooser, "ATTIC_PUBLIC_KEY"),
		{pinned_key(chooser, ret), "contract", ORIGIN_CONTRACT},
	};

	for (size_t i = 0; i < sizeof(wishes) / sizeof(wishes[0]); i++) {
		if (!wishes[i].value || !key_passes(chooser, ret, &wishes[i]))
			continue;
		ret->public_key = mem_strdup(wishes[i].value);
		ret->key_source = mem_strdup(wishes[i].source);
		return;
	}
}

static void choose_attic(struct endpoint *ret, const struct chooser *chooser)
{
	const struct options *options = chooser->basis->options;
	const struct contract *contract = chooser->basis->contract;
	const char *public_url = options->is_attic_public_read ? contract->attic_public_url : NULL;
	const bool has_token = chooser->basis->context->attic_token != NULL;
	struct wish wishes[MAX_WISHES] = {
		wish_of_flag(options->attic_url, options->attic_url_source, "--attic"),
	};

	if (heeds_environment(chooser, LANE_ATTIC))
		wishes[1] = wish_of_variable(chooser, "ATTIC_SERVER");
	if (has_contract_default(chooser, LANE_ATTIC))
		wishes[2] = (struct wish){contract->attic_cluster_url, "contract", ORIGIN_CONTRACT};
	if (public_url && !has_token)
		wishes[3] = (struct wish){public_url, "contract, public read", ORIGIN_CONTRACT};
	choose_url(ret, chooser, &attic_kind, wishes);
	if (!ret->url) {
		if (public_url && has_token)
			findings_note(chooser->findings, FINDING_ATTIC_PUBLIC_READ_STEPPED_BACK,
				      public_url,
				      "a token is in scope, so the public cache is not "
				      "configured");
		return;
	}
	ret->is_public_read = !has_token && is_same_server(ret->url, contract->attic_public_url);
	ret->is_contract_server = is_same_server(ret->url, contract->attic_cluster_url) ||
				  is_same_server(ret->url, contract->attic_public_url);
	choose_cache(ret, chooser);
	choose_key(ret, chooser);
}

/* ---- Bazel */

static void choose_bazel(struct endpoint *ret, const struct chooser *chooser)
{
	const struct options *options = chooser->basis->options;
	const struct contract *contract = chooser->basis->contract;
	struct wish wishes[MAX_WISHES] = {
		wish_of_flag(options->bazel_url, options->bazel_url_source, "--bazel"),
	};

	if (heeds_environment(chooser, LANE_BAZEL))
		wishes[1] = wish_of_variable(chooser, "BAZEL_REMOTE_CACHE");
	if (has_contract_default(chooser, LANE_BAZEL))
		wishes[2] = (struct wish){contract->bazel_cluster_url, "contract", ORIGIN_CONTRACT};
	choose_url(ret, chooser, &bazel_kind, wishes);
	ret->is_contract_server = is_same_server(ret->url, contract->bazel_cluster_url);
}

/* No executor is chosen here: the job's own is left to it, unless it is one that nobody may use. */
static bool is_executor_refused(const struct chooser *chooser)
{
	struct wish wish = wish_of_variable(chooser, "BAZEL_REMOTE_EXECUTOR");

	return wish.value && heeds_environment(chooser, LANE_BAZEL) &&
	       !wish_is_url(chooser, &bazel_kind, &wish);
}

void endpoints_choose(struct endpoints *ret, const struct endpoint_basis *basis,
		      struct findings *findings)
{
	const struct chooser chooser = {basis, findings};

	*ret = (struct endpoints){0};
	choose_attic(&ret->attic, &chooser);
	choose_bazel(&ret->bazel, &chooser);
	ret->is_executor_refused = is_executor_refused(&chooser);
}

static void endpoint_release(struct endpoint *endpoint)
{
	free(endpoint->url);
	free(endpoint->source);
	free(endpoint->cache);
	free(endpoint->cache_source);
	free(endpoint->public_key);
	free(endpoint->key_source);
}

void endpoints_release(struct endpoints *endpoints)
{
	endpoint_release(&endpoints->attic);
	endpoint_release(&endpoints->bazel);
	*endpoints = (struct endpoints){0};
}

char *endpoint_display(const struct endpoint *endpoint)
{
	CLEANUP(url_release) struct url url = {0};

	if (!endpoint->url || url_parse(endpoint->url, &url, NULL) < 0)
		return mem_strdup("");
	return url_display(&url);
}
