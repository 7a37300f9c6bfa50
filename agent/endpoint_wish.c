/* SPDX-License-Identifier: Zlib */
/* Wishes for a value of an endpoint, and whether they may be used. */
#include "agent/endpoint_wish.h"

#include <string.h>

#include "agent/cleanup.h"
#include "agent/context.h"
#include "agent/contract.h"
#include "agent/endpoint_host.h"
#include "agent/error.h"
#include "agent/mem.h"
#include "agent/url.h"

struct wish wish_of_flag(const char *value, const char *source, const char *fallback)
{
	return (struct wish){value, source ? source : fallback, ORIGIN_FLAG};
}

struct wish wish_of_variable(const struct chooser *chooser, const char *name)
{
	return (struct wish){context_env(chooser->basis->context, name), name, ORIGIN_ENVIRONMENT};
}

bool wish_passes_contract(const struct chooser *chooser, const struct wish *wish,
			  const struct out_of_contract *row, const char *shown)
{
	enum finding_id id = FINDING_OUT_OF_CONTRACT_IGNORED;
	struct finding *finding;

	if (!row)
		return true;
	if (wish->origin == ORIGIN_FLAG)
		id = FINDING_OUT_OF_CONTRACT_USED;
	finding = findings_note(chooser->findings, id, wish->source, "%s is out of contract: %s",
				shown, row->reason);
	if (*row->replacement) {
		CLEANUP_FREE char *remedy = mem_format("Use instead: %s", row->replacement);

		finding_set_remedy(finding, remedy);
	}
	return wish->origin == ORIGIN_FLAG;
}

static bool allows_localhost(const struct context *context)
{
	const char *value = context_env(context, "GF_BAZEL_ALLOW_LOCALHOST_PROOF");

	return value && strcmp(value, "true") == 0;
}

static const struct out_of_contract *forbidden_url(const struct chooser *chooser,
						   const struct cache_kind *kind,
						   const struct url *url, const char *value)
{
	const struct out_of_contract *row = contract_forbids(chooser->basis->contract, value);

	if (row || !kind->is_private)
		return row;
	if (endpoint_host_is_local(url->host))
		return allows_localhost(chooser->basis->context)
			       ? NULL
			       : contract_rule(chooser->basis->contract, CONTRACT_RULE_LOCALHOST);
	if (!endpoint_host_is_private(url->host))
		return contract_rule(chooser->basis->contract, CONTRACT_RULE_PUBLIC_BAZEL);
	return NULL;
}

/* ---- URLs */

static bool is_scheme_of(const struct cache_kind *kind, const char *scheme)
{
	for (const char *const *known = kind->schemes; *known; known++)
		if (strcmp(*known, scheme) == 0)
			return true;
	return false;
}

/* Never shows the value: what is no URL may be a secret in the wrong place. */
bool wish_is_url(const struct chooser *chooser, const struct cache_kind *kind,
		 const struct wish *wish)
{
	CLEANUP(url_release) struct url url = {0};
	CLEANUP_FREE char *shown = NULL;
	struct error why = {0};

	if (url_parse(wish->value, &url, &why) < 0) {
		findings_note(chooser->findings, FINDING_ENDPOINT_NOT_VALID, wish->source, "%s",
			      why.message);
		return false;
	}
	if (!is_scheme_of(kind, url.scheme)) {
		findings_note(chooser->findings, FINDING_ENDPOINT_NOT_VALID, wish->source,
			      "%s is no scheme of the %s cache", url.scheme,
			      lane_promise_name(kind->promise));
		return false;
	}
	if (wish->origin == ORIGIN_CONTRACT)
		return true;
	shown = url_display(&url);
	return wish_passes_contract(chooser, wish, forbidden_url(chooser, kind, &url, wish->value),
				    shown);
}
