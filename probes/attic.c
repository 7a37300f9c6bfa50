/* SPDX-License-Identifier: Zlib */
/* Attic: the cache's configuration, the token's rights and the storage behind them, asked for by
 * Attic's own protocol over HTTP/1.1 (it needs the Host header). */
#include "probes/attic.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "agent/cleanup.h"
#include "agent/error.h"
#include "agent/fact_names.h"
#include "agent/mem.h"
#include "agent/nix_profile.h"
#include "agent/root.h"
#include "agent/strbuf.h"
#include "agent/text.h"
#include "probes/probe.h"

#define PROFILE_NIX NIX_PROFILE_DEFAULT_BIN "/nix"
#define ZERO_HASH "00000000000000000000000000000000"

extern const struct probe probe_attic;

void attic_evidence_release(struct attic_evidence *evidence)
{
	attic_config_release(&evidence->config);
	free(evidence->storage.store_path);
	evidence->storage.store_path = NULL;
}

static void session_release(struct attic_session *session)
{
	if (session->connection)
		http_close(session->connection);
	if (session->has_looked_for_ca)
		ca_search_release(&session->ca);
	target_close(&session->target);
	proxy_release(&session->proxy);
	free(session->exception);
	free(session->base);
}

static void plan(const struct job *job, struct plan *plan)
{
	const struct endpoint *endpoint = &job->endpoints.attic;
	CLEANUP(url_release) struct url url = {0};
	CLEANUP(proxy_release) struct proxy proxy = {0};
	CLEANUP_FREE char *what = NULL;

	if (endpoint->url && !url_parse(endpoint->url, &url, NULL))
		(void)proxy_for(&job->context, &url, &proxy, NULL);
	what = mem_format("cache %s%s%s", endpoint->cache ? endpoint->cache : "(none)",
			  proxy.shown ? " through the proxy " : "", proxy.shown ? proxy.shown : "");
	target_plan(plan, &probe_attic, endpoint, what);
}

static void keep(char *ret, size_t size, const char *text)
{
	(void)snprintf(ret, size, "%s", text);
}

/* ---- collect */

const struct ca_search *attic_session_ca(struct attic_session *session, const struct target *target)
{
	if (!target_is_tls(target))
		return NULL;
	if (!session->has_looked_for_ca)
		(void)ca_search_find(session->context, NULL, &session->ca);
	session->has_looked_for_ca = true;
	return &session->ca;
}

void attic_ask(struct attic_session *session, struct http_request *request, const char *path,
	       struct http_response *response, struct attic_answer *ret)
{
	CLEANUP_FREE char *url = mem_format("%s%s", session->base, path);
	CLEANUP_STRBUF struct strbuf detail = STRBUF_INIT(sizeof(ret->detail) - 1);

	request->url = url;
	request->version = HTTP_VERSION_1_1;
	request->ca = attic_session_ca(session, &session->target);
	if (!session->is_secret_kept) {
		request->bearer_token = session->token;
		request->user = session->token ? NULL : session->user;
		request->password = session->token ? NULL : session->password;
	}
	do {
		http_response_release(response);
		target_prepare(&session->target, request);
		http_perform(session->connection, request, response);
	} while (target_retries(&session->target, response->failure));
	ret->is_asked = true;
	ret->failure = response->failure;
	ret->status = response->status;
	if (response->failure == HTTP_OK)
		session->target.tries = 0; /* what is asked next is a matter of its own */
	else
		target_describe_failure(&session->target, response, &detail);
	keep(ret->detail, sizeof(ret->detail), detail.data);
	request->url = NULL;
}

/* Only a token that may push gets an answer; a hash of zeros is nobody's, and nothing is uploaded. */
static void collect_push(struct attic_session *session, struct attic_evidence *evidence)
{
	CLEANUP_FREE char *body = mem_format("{\"cache\":\"%s\",\"store_path_hashes\":[\"%s\"]}",
					     evidence->cache, ZERO_HASH);
	CLEANUP(http_response_release) struct http_response response = {0};
	struct http_request request = {
		.body = body,
		.body_length = strlen(body),
		.headers = {"Content-Type: application/json"},
		.max_body_bytes = ATTIC_CONFIG_MAX_BYTES,
	};

	attic_ask(session, &request, "/_api/v1/get-missing-paths", &response, &evidence->push);
}

/* The contract's canary; else the profile's own Nix, which a lane's cache often holds. */
static void choose_store_path(const struct job *job, struct attic_storage *storage)
{
	CLEANUP_STRBUF struct strbuf path = STRBUF_INIT(4096);

	if (job->contract.attic_canary && job->endpoints.attic.is_contract_server) {
		storage->store_path = mem_strdup(job->contract.attic_canary);
		storage->is_canary = true;
	} else if (!root_resolve(&job->context.root, PROFILE_NIX, &path)) {
		storage->store_path = nix_store_path_of(path.data);
	}
}

static void collect_rest(struct attic_session *session, struct channel *channel,
			 struct attic_evidence *evidence)
{
	struct nix_key key;
	bool has_key = evidence->trusted_key && nix_key_parse(evidence->trusted_key, &key);

	if (evidence->is_push_wanted) {
		channel_phase(channel, "ask whether the token may push");
		collect_push(session, evidence);
	}
	attic_storage_collect(session, evidence->cache, has_key ? &key : NULL, channel,
			      &evidence->storage);
}

/* ---- report */

/* A server's words are shown, never used. */
static void report_text(struct channel *channel, const char *key, const char *text)
{
	CLEANUP_FREE char *shown = text_cleaned(text, 300);

	channel_string(channel, key, shown);
}

static void report_server(struct channel *channel, const struct attic_evidence *evidence)
{
	const struct attic_config *config = &evidence->config;

	if (config->is_public >= 0)
		channel_boolean(channel, "attic.is_public", config->is_public);
	if (config->priority >= 0)
		channel_integer(channel, "attic.priority", config->priority);
	if (config->retention_seconds >= 0)
		channel_integer(channel, "attic.retention_seconds", config->retention_seconds);
	report_text(channel, "attic.server_key", config->public_key);
	report_text(channel, "attic.store_dir", config->store_dir);
	report_text(channel, "attic.substituter_endpoint", config->substituter_endpoint);
	report_text(channel, "attic.api_endpoint", config->api_endpoint);
	if (config->upstream_keys && *config->upstream_keys)
		channel_list(channel, "attic.upstream_keys", config->upstream_keys);
	/* Where visibility is not said, a token that was sent may have been needed. */
	channel_boolean(channel, FACT_ATTIC_NEEDS_TOKEN,
			config->is_public == 0 || (config->is_public < 0 && evidence->has_token));
}

static void report_network(struct channel *channel, const struct attic_session *session,
			   const struct attic_evidence *evidence)
{
	channel_string(channel, "attic.proxy", session->proxy.shown);
	if (*evidence->proxy_problem && !evidence->is_direct)
		return;
	channel_string(channel, "attic.dns", resolve_outcome_name(evidence->resolve));
	channel_integer(channel, "attic.dns_ms", evidence->dns_us / 1000);
	if (evidence->resolve != RESOLVE_OK)
		return;
	channel_string(channel, "attic.address", evidence->address);
	channel_integer(channel, "attic.took_ms", evidence->took_us / 1000);
	if (evidence->answer.status)
		channel_integer(channel, "attic.http_status", evidence->answer.status);
}

static const char *push_word(const struct attic_answer *push)
{
	if (push->is_asked && push->failure == HTTP_OK && push->status == 200)
		return "allowed";
	if (push->is_asked && (push->status == 401 || push->status == 403))
		return "denied";
	return "unknown";
}

static void report(struct channel *channel, const struct attic_session *session,
		   const struct attic_evidence *evidence, const char *subject)
{
	CLEANUP(findings_release) struct findings findings = {0};
	bool is_usable = attic_judge(evidence, subject, &findings);

	report_network(channel, session, evidence);
	channel_string(channel, FACT_ATTIC_CACHE, evidence->cache);
	channel_boolean(channel, FACT_ATTIC_USABLE, is_usable);
	channel_string(channel, FACT_ATTIC_PUSH, push_word(&evidence->push));
	if (evidence->is_config_read)
		report_server(channel, evidence);
	if (is_usable)
		channel_string(channel, FACT_ATTIC_KEY, evidence->trusted_key);
	if (is_usable && evidence->proxy)
		channel_boolean(channel, FACT_ATTIC_DIRECT_ONLY, evidence->is_direct);
	channel_string(channel, "attic.storage_path", evidence->storage.store_path);
	for (size_t i = 0; i < findings.count; i++)
		channel_finding(channel, findings.items[i].id, subject, NULL, "%s",
				findings.items[i].detail);
}

static void probe_server(const struct job *job, const struct url *url, const char *subject,
			 struct channel *channel)
{
	const struct endpoint *endpoint = &job->endpoints.attic;
	const bool is_push_required = job->required & LANE_ATTIC_PUSH;
	/* The public cache is read without a token, whatever the job has. */
	const char *token = endpoint->is_public_read ? NULL : job->context.attic_token;
	CLEANUP(resolver_release) struct resolver resolver = {0};
	CLEANUP(session_release)
	struct attic_session session = {
		.context = &job->context,
		.resolver = &resolver,
		.token = token,
		.user = url->user,
		.password = url->password,
	};
	CLEANUP(attic_evidence_release)
	struct attic_evidence evidence = {
		.cache = endpoint->cache,
		.host = url->host,
		.trusted_key = endpoint->public_key,
		.retired_keys = job->contract.attic_retired_keys,
		.has_token = token || url->password,
		.is_push_wanted = job->options->is_attic_push_wanted || is_push_required,
		.is_push_required = is_push_required,
		.now = time(NULL),
	};

	if (!token)
		token = url->password; /* Attic takes basic auth's password for the token */
	evidence.is_token_read = token && attic_token_read(token, endpoint->cache, &evidence.token);
	choose_store_path(job, &evidence.storage);
	resolver_read(&resolver, &job->context.root);
	attic_way_collect(&session, url, channel, &evidence);
	if (evidence.is_config_read)
		collect_rest(&session, channel, &evidence);
	report(channel, &session, &evidence, subject);
}

static void run(const struct job *job, const struct task *task, struct channel *channel)
{
	const struct endpoint *endpoint = &job->endpoints.attic;
	CLEANUP(url_release) struct url url = {0};
	CLEANUP_FREE char *shown = NULL;
	struct error why = {0};

	if (url_parse(endpoint->url, &url, &why) ||
	    (strcmp(url.scheme, "http") != 0 && strcmp(url.scheme, "https") != 0)) {
		channel_boolean(channel, FACT_ATTIC_USABLE, false);
		channel_finding(channel, FINDING_ATTIC_URL, task->subject, NULL, "%s",
				*why.message ? why.message : "Attic speaks http and https alone");
		return;
	}
	if (!endpoint->cache || !attic_cache_name_is_valid(endpoint->cache)) {
		channel_boolean(channel, FACT_ATTIC_USABLE, false);
		channel_finding(channel, FINDING_ATTIC_BAD_NAME, task->subject, NULL,
				"not asked: the cache's name is missing or not of Attic's form");
		return;
	}
	shown = url_display(&url);
	channel_string(channel, FACT_ATTIC_URL, shown);
	probe_server(job, &url, task->subject, channel);
}

const struct probe probe_attic = {
	.name = "attic",
	.summary = "the Nix binary cache: reachable, itself, trusted, readable; pushes if wanted",
	.argument = "[URL]",
	.promise = LANE_ATTIC | LANE_ATTIC_PUSH,
	.sandbox = SANDBOX_NETWORK,
	.plan = plan,
	.run = run,
};
