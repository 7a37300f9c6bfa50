/* SPDX-License-Identifier: Zlib */
/* Bazel's remote cache: what it can do, asked for as Bazel asks (GetCapabilities over gRPC), or the
 * empty blob over HTTP. */
#include "probes/bazel.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/ca_search.h"
#include "agent/cleanup.h"
#include "agent/error.h"
#include "agent/fact_names.h"
#include "agent/json.h"
#include "agent/mem.h"
#include "agent/root.h"
#include "agent/strbuf.h"
#include "agent/text.h"
#include "probes/probe.h"

#define MAX_BODY_BYTES 65536u
#define MAX_PEM_BYTES 65536u
#define MAX_HEALTH_MS 500u /* a second word is not worth the whole budget */
#define EMPTY_BLOB "/cas/e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

/* By these the job names the files that Bazel is given by its --tls_… flags. */
#define ENV_CA "BAZEL_TLS_CERTIFICATE"
#define ENV_CLIENT_CERTIFICATE "BAZEL_TLS_CLIENT_CERTIFICATE"
#define ENV_CLIENT_KEY "BAZEL_TLS_CLIENT_KEY"

extern const struct probe probe_bazel;

/* One server, spoken to over one connection. */
struct session {
	struct channel *channel;
	struct resolver resolver;
	struct target target;
	struct http_connection *connection;
	struct http_request base; /* address, credentials, time limits */
	char *blob_url, *status_url;
	struct ca_search ca;
	struct strbuf certificate, key; /* PEM text */
};

static void session_release(struct session *session)
{
	http_close(session->connection);
	target_close(&session->target);
	resolver_release(&session->resolver);
	ca_search_release(&session->ca);
	strbuf_release(&session->certificate);
	strbuf_release(&session->key);
	free(session->blob_url);
	free(session->status_url);
}

static void plan(const struct job *job, struct plan *plan)
{
	target_plan(plan, &probe_bazel, &job->endpoints.bazel, "remote cache");
}

static void keep(char *ret, size_t size, const char *text)
{
	(void)snprintf(ret, size, "%s", text);
}

/* ---- collect */

static void keep_answer(const struct session *session, const struct http_response *response,
			struct bazel_answer *ret)
{
	CLEANUP_STRBUF struct strbuf detail = STRBUF_INIT(sizeof(ret->detail) - 1);
	CLEANUP_FREE char *location = text_cleaned(response->location, sizeof(ret->location) - 1);

	*ret = (struct bazel_answer){
		.is_asked = true,
		.failure = response->failure,
		.status = response->status,
	};
	keep(ret->content_type, sizeof(ret->content_type), response->content_type);
	keep(ret->location, sizeof(ret->location), location ? location : "");
	if (response->failure != HTTP_OK)
		target_describe_failure(&session->target, response, &detail);
	keep(ret->detail, sizeof(ret->detail), detail.data);
}

static void ask_health(struct session *session, struct bazel_evidence *evidence)
{
	CLEANUP(grpc_response_release) struct grpc_response response = {0};

	channel_phase(session->channel, "ask the health service");
	target_prepare(&session->target, &session->base);
	if (session->base.timeout_ms > MAX_HEALTH_MS)
		session->base.timeout_ms = MAX_HEALTH_MS;
	grpc_call(session->connection, &session->base, REAPI_HEALTH_METHOD, NULL, &response);
	if (response.failure == GRPC_OK)
		(void)reapi_decode_health(response.payload, response.payload_length,
					  &evidence->health);
}

static void ask_capabilities(struct session *session, struct bazel_evidence *evidence)
{
	CLEANUP(grpc_response_release) struct grpc_response response = {0};

	channel_phase(session->channel, "ask for the capabilities");
	do {
		grpc_response_release(&response);
		target_prepare(&session->target, &session->base);
		grpc_call(session->connection, &session->base, REAPI_CAPABILITIES_METHOD, NULL,
			  &response);
	} while (response.failure == GRPC_TRANSPORT &&
		 target_retries(&session->target, response.http.failure));
	keep_answer(session, &response.http, &evidence->call);
	evidence->grpc = response.failure;
	evidence->grpc_status = response.status;
	evidence->took_us = response.http.took_us;
	keep(evidence->grpc_message, sizeof(evidence->grpc_message), response.message);
	evidence->is_decoded = response.failure == GRPC_OK &&
			       !reapi_decode_capabilities(response.payload, response.payload_length,
							  &evidence->capabilities);
	if (response.failure == GRPC_STATUS && target_left_ms(&session->target))
		ask_health(session, evidence);
}

static void ask_http(struct session *session, const char *method, const char *url,
		     struct http_response *response)
{
	struct http_request request = session->base;

	target_prepare(&session->target, &request);
	request.url = url;
	request.method = method;
	http_perform(session->connection, &request, response);
}

static void ask_head(struct session *session, struct bazel_evidence *evidence)
{
	CLEANUP(http_response_release) struct http_response response = {0};

	channel_phase(session->channel, "ask for the empty blob");
	do {
		http_response_release(&response);
		ask_http(session, "HEAD", session->blob_url, &response);
	} while (target_retries(&session->target, response.failure));
	keep_answer(session, &response, &evidence->head);
	evidence->took_us = response.took_us;
}

static void ask_get(struct session *session, struct bazel_evidence *evidence)
{
	CLEANUP(http_response_release) struct http_response response = {0};

	ask_http(session, NULL, session->blob_url, &response);
	keep_answer(session, &response, &evidence->get);
	evidence->is_blob_empty = response.failure == HTTP_OK && !response.body.length;
	evidence->is_tls_wanted = target_wants_tls(&response);
}

/* bazel-remote's page lies at the server's root, whatever path stands before /cas. Its fields
 * differ by version; these two are in all. */
static void ask_status_page(struct session *session, struct bazel_evidence *evidence)
{
	CLEANUP(http_response_release) struct http_response response = {0};
	CLEANUP_JSON struct json *page = NULL;

	channel_phase(session->channel, "ask for the status page");
	ask_http(session, NULL, session->status_url, &response);
	if (response.failure == HTTP_OK && response.status == 200 &&
	    !json_parse(response.body.data, response.body.length, "/status", &page, NULL))
		evidence->has_status_page =
			json_member(page, "ServerTime") && json_member(page, "MaxSize");
}

static void ask_all(struct session *session, struct bazel_evidence *evidence)
{
	session->connection = http_open();
	if (evidence->is_grpc) {
		ask_capabilities(session, evidence);
		return;
	}
	ask_head(session, evidence);
	if (evidence->head.failure != HTTP_OK)
		return;
	ask_get(session, evidence);
	if (evidence->get.failure == HTTP_OK && target_left_ms(&session->target))
		ask_status_page(session, evidence);
}

/* ---- credentials */

/* Reads the PEM file that the variable NAME names. Returns false, with the reason, when it cannot. */
static bool read_pem(const struct job *job, const char *name, struct strbuf *out,
		     struct bazel_evidence *evidence)
{
	const char *path = context_env(&job->context, name);

	strbuf_init(out, MAX_PEM_BYTES);
	if (!path)
		return true;
	errno = EINVAL; /* of a path that is not absolute */
	if (*path == '/' && root_read(&job->context.root, path, out) == 0)
		return true;
	(void)snprintf(evidence->credentials, sizeof(evidence->credentials), "%s=%.120s: %s", name,
		       path, strerror(errno));
	return false;
}

static bool read_credentials(const struct job *job, struct session *session,
			     struct bazel_evidence *evidence)
{
	struct http_request *base = &session->base;
	const char *named = context_env(&job->context, ENV_CA);

	if (!ca_search_find(&job->context, named, &session->ca) && named) {
		(void)snprintf(evidence->authority, sizeof(evidence->authority),
			       ENV_CA "=%.120s: it cannot be read, or is empty", named);
		return false;
	}
	base->ca = &session->ca;
	if (!read_pem(job, ENV_CLIENT_CERTIFICATE, &session->certificate, evidence) ||
	    !read_pem(job, ENV_CLIENT_KEY, &session->key, evidence))
		return false;
	if (session->certificate.length)
		base->client_certificate =
			(struct http_pem){session->certificate.data, session->certificate.length};
	if (session->key.length)
		base->client_key = (struct http_pem){session->key.data, session->key.length};
	return true;
}

/* ---- report */

static void report_version(struct channel *channel, const char *key,
			   const struct reapi_version *version)
{
	CLEANUP_FREE char *text = mem_format("%lld.%lld.%lld", (long long)version->major,
					     (long long)version->minor, (long long)version->patch);

	if (version->is_present)
		channel_string(channel, key, text);
}

static void report_capabilities(struct channel *channel, const struct reapi_capabilities *can)
{
	CLEANUP_STRBUF struct strbuf digests = STRBUF_INIT(256);
	CLEANUP_STRBUF struct strbuf compressors = STRBUF_INIT(256);
	CLEANUP_STRBUF struct strbuf batch_compressors = STRBUF_INIT(256);

	reapi_digest_names(can->digest_functions, &digests);
	reapi_compressor_names(can->compressors, &compressors);
	reapi_compressor_names(can->batch_compressors, &batch_compressors);
	channel_list(channel, FACT_BAZEL_DIGESTS, digests.data);
	channel_list(channel, FACT_BAZEL_COMPRESSORS, compressors.data);
	channel_list(channel, "bazel.batch_compressors", batch_compressors.data);
	channel_boolean(channel, FACT_BAZEL_UPDATES, can->is_update_enabled);
	channel_boolean(channel, "bazel.has_execution", can->has_execution);
	if (can->max_batch_bytes)
		channel_integer(channel, "bazel.max_batch_bytes", can->max_batch_bytes);
	if (can->max_blob_bytes && can->max_blob_bytes < INT64_MAX) /* which means: no limit */
		channel_integer(channel, "bazel.max_blob_bytes", can->max_blob_bytes);
	report_version(channel, "bazel.api_low", &can->low);
	report_version(channel, "bazel.api_high", &can->high);
}

static void report_network(const struct session *session, const struct bazel_evidence *evidence)
{
	const struct target *target = &session->target;
	struct channel *channel = session->channel;
	const struct bazel_answer *answer = evidence->is_grpc ? &evidence->call : &evidence->get;

	if (!session->connection && evidence->resolve == RESOLVE_OK)
		return; /* nothing was asked */
	channel_string(channel, "bazel.dns", resolve_outcome_name(evidence->resolve));
	channel_integer(channel, "bazel.dns_ms", target->answer.took_us / 1000);
	if (evidence->resolve != RESOLVE_OK)
		return;
	channel_string(channel, "bazel.address", target->answer.addresses[target->next_address]);
	channel_integer(channel, "bazel.took_ms", evidence->took_us / 1000);
	if (answer->status)
		channel_integer(channel, "bazel.http_status", answer->status);
	if (evidence->is_grpc && evidence->grpc_status >= 0 && evidence->grpc != GRPC_TRANSPORT)
		channel_integer(channel, "bazel.grpc_status", evidence->grpc_status);
	channel_string(channel, "bazel.health", evidence->health);
	if (!evidence->is_grpc)
		channel_boolean(channel, "bazel.has_status_page", evidence->has_status_page);
}

static void report(const struct session *session, const struct bazel_evidence *evidence,
		   const char *subject)
{
	CLEANUP(findings_release) struct findings findings = {0};
	bool is_usable = bazel_judge(evidence, subject, &findings);
	struct channel *channel = session->channel;

	channel_boolean(channel, FACT_BAZEL_USABLE, is_usable);
	report_network(session, evidence);
	if (evidence->is_decoded)
		report_capabilities(channel, &evidence->capabilities);
	else if (is_usable)
		channel_list(channel, FACT_BAZEL_DIGESTS, "sha256"); /* the blob's own */
	for (size_t i = 0; i < findings.count; i++)
		channel_finding(channel, findings.items[i].id, subject, NULL, "%s",
				findings.items[i].detail);
}

static void probe_server(const struct job *job, const struct url *url, const char *subject,
			 struct channel *channel)
{
	CLEANUP(session_release)
	struct session session = {
		.channel = channel,
		.base = {.user = url->user,
			 .password = url->password,
			 .max_body_bytes = MAX_BODY_BYTES},
	};
	struct bazel_evidence evidence = {
		.is_grpc = text_starts_with(url->scheme, "grpc"),
		.is_upload_wanted = job->options->is_bazel_upload_wanted,
		.grpc_status = -1,
	};
	CLEANUP_STRBUF struct strbuf detail = STRBUF_INIT(sizeof(evidence.resolve_detail) - 1);

	strbuf_init(&session.certificate, 0);
	strbuf_init(&session.key, 0);
	strbuf_init(&session.ca.bundle, 0);
	if (url->is_tls && !read_credentials(job, &session, &evidence)) {
		report(&session, &evidence, subject);
		return;
	}
	channel_phase(channel, "resolve the host");
	resolver_read(&session.resolver, &job->context.root);
	target_open(&session.target, &session.resolver, url, target_end_us(TARGET_BUDGET_MS));
	target_leave_room(&session.target);
	evidence.resolve = session.target.answer.outcome;
	target_describe_resolve(&session.target, &detail);
	keep(evidence.resolve_detail, sizeof(evidence.resolve_detail), detail.data);
	session.base.url = session.target.origin;
	session.blob_url = mem_format("%s%s" EMPTY_BLOB, session.target.origin, url->path);
	session.status_url = mem_format("%s/status", session.target.origin);
	if (evidence.resolve == RESOLVE_OK)
		ask_all(&session, &evidence);
	report(&session, &evidence, subject);
}

static void run(const struct job *job, const struct task *task, struct channel *channel)
{
	const char *text = job->endpoints.bazel.url;
	/* Bazel takes an address without a scheme for grpcs. */
	CLEANUP_FREE char *whole =
		mem_format("%s%s", text && strstr(text, "://") ? "" : "grpcs://", text ? text : "");
	CLEANUP(url_release) struct url url = {0};
	CLEANUP_FREE char *shown = NULL;
	struct error why = {0};

	if (!text || text_starts_with(text, "unix:") || url_parse(whole, &url, &why) < 0) {
		channel_boolean(channel, FACT_BAZEL_USABLE, false);
		channel_finding(channel, FINDING_BAZEL_URL, task->subject, NULL, "%s",
				*why.message ? why.message
				: text       ? "a unix socket is not proven by this probe"
					     : "no URL was given");
		return;
	}
	shown = url_display(&url);
	channel_string(channel, FACT_BAZEL_URL, shown);
	channel_string(channel, "bazel.protocol", url.scheme);
	probe_server(job, &url, task->subject, channel);
}

const struct probe probe_bazel = {
	.name = "bazel",
	.summary = "Bazel's remote cache: its capabilities over gRPC, or the empty blob over HTTP",
	.argument = "[URL]",
	.promise = LANE_BAZEL,
	.sandbox = SANDBOX_NETWORK,
	.plan = plan,
	.run = run,
};
