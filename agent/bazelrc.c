/* SPDX-License-Identifier: Zlib */
/* Bazel's flags, made from what the cache proved that it can do. */
#include "agent/bazelrc.h"

#include <string.h>

#include "agent/cleanup.h"
#include "agent/encoding.h"
#include "agent/environment.h"
#include "agent/error.h"
#include "agent/expect.h"
#include "agent/fact_names.h"
#include "agent/facts.h"
#include "agent/finding.h"
#include "agent/job.h"
#include "agent/mem.h"
#include "agent/run.h"
#include "agent/strbuf.h"
#include "agent/text.h"
#include "agent/url.h"

#define FILE_NAME "bazelrc"
#define FILE_MAX_BYTES 16384u
#define VARIABLE "BAZEL_REMOTE_CACHE"
#define FILE_VARIABLE "SPINUP_BAZELRC_PATH"
#define SOURCE "probe bazel"
#define AUTHORIZATION "Authorization=Basic "

/* By these the job names the files for a TLS connection; the probe has used them. */
static const struct tls_flag {
	const char *variable;
	const char *flag;
} tls_flags[] = {
	{"BAZEL_TLS_CERTIFICATE", "--tls_certificate"},
	{"BAZEL_TLS_CLIENT_CERTIFICATE", "--tls_client_certificate"},
	{"BAZEL_TLS_CLIENT_KEY", "--tls_client_key"},
};

/* What the flags are made from. */
struct bazel_facts {
	const struct context *context;
	const char *url;       /* as proven, without user info */
	const char *user_info; /* as it stands in the endpoint's URL, or NULL; secret */
	const char *version;   /* NULL: not known, so only flags that every Bazel has */
	char *authorization;   /* for gRPC: the header with these credentials, or NULL; secret */
	bool is_grpc;
	bool has_compression;
	bool is_upload_allowed;
};

/* Between "://" and "@": the raw text, or NULL. URL passed url_parse. The caller frees. */
static char *raw_user_info(const char *url)
{
	const char *authority = strstr(url, "://");
	const char *at;

	if (!authority)
		return NULL;
	authority += 3;
	at = memrchr(authority, '@', strcspn(authority, "/"));
	return at ? mem_strndup(authority, (size_t)(at - authority)) : NULL;
}

/* PROVEN with the credentials of the endpoint put back in; the caller frees. */
static char *with_user_info(const struct bazel_facts *facts)
{
	const char *authority = strstr(facts->url, "://") + 3;

	return mem_format("%.*s%s@%s", (int)(authority - facts->url), facts->url, facts->user_info,
			  authority);
}

/* One "build --flag=value" line, the value quoted as Bazel's shell-like reader wants it. */
static void add_flag(struct strbuf *out, const char *flag, const char *value)
{
	strbuf_printf(out, "build %s%s", flag, value ? "=" : "");
	if (value && *value)
		text_shell_quote(out, value);
	strbuf_putc(out, '\n');
}

/* Flags that a Bazel does not know stop it, so a version that cannot be read gets none of them. */
static bool version_is(const struct bazel_facts *facts, const char *range)
{
	return facts->version && !strchr(facts->version, '-') &&
	       version_in_range(facts->version, range) == 1;
}

static void add_header(struct strbuf *out)
{
	strbuf_puts(out, "# Written by spinup for this job, anew in each run.\n"
			 "# Use it with: bazel --bazelrc=\"$" FILE_VARIABLE "\" build ...\n");
}

static void add_tls_flags(struct strbuf *out, const struct bazel_facts *facts)
{
	if (!text_starts_with(facts->url, "grpcs:") && !text_starts_with(facts->url, "https:"))
		return;
	for (size_t i = 0; i < sizeof(tls_flags) / sizeof(*tls_flags); i++) {
		const char *path = context_env(facts->context, tls_flags[i].variable);

		if (path && !strpbrk(path, "\r\n"))
			add_flag(out, tls_flags[i].flag, path);
	}
}

static void write_flags(struct strbuf *out, const struct bazel_facts *facts)
{
	/* Over HTTP Bazel reads credentials from the URL; over gRPC it only sends headers. */
	CLEANUP_FREE char *full =
		facts->user_info && !facts->is_grpc ? with_user_info(facts) : NULL;

	add_header(out);
	add_flag(out, "--remote_cache", full ? full : facts->url);
	if (facts->authorization)
		add_flag(out, "--remote_cache_header", facts->authorization);
	add_tls_flags(out, facts);
	add_flag(out, "--remote_timeout", "10");
	add_flag(out, "--remote_retries", "1");
	add_flag(out, "--remote_upload_local_results", facts->is_upload_allowed ? "true" : "false");
	/* Renamed from --experimental_remote_cache_compression in 7.0. */
	if (facts->is_grpc && facts->has_compression && version_is(facts, ">=7"))
		add_flag(out, "--remote_cache_compression", NULL);
	/* Alone it helps up to version 7; from 8.5.1 on only both together do (bazel #27846). */
	if (facts->is_grpc && version_is(facts, ">=4"))
		add_flag(out, "--remote_local_fallback", NULL);
	if (facts->is_grpc && version_is(facts, ">=8.5.1"))
		add_flag(out, "--incompatible_remote_local_fallback_for_remote_cache", NULL);
}

/* "Authorization=Basic …" for the credentials of URL; the caller frees. */
static char *basic_authorization(const struct url *url)
{
	CLEANUP_FREE char *pair =
		mem_format("%s:%s", url->user ? url->user : "", url->password ? url->password : "");
	struct strbuf out = STRBUF_INIT(FILE_MAX_BYTES);

	strbuf_puts(&out, AUTHORIZATION);
	encoding_base64_encode((const uint8_t *)pair, strlen(pair), &out);
	return strbuf_take(&out);
}

static bool list_has(const struct facts *facts, const char *key, const char *item)
{
	const char *list = facts_string(facts, key);
	size_t length = strlen(item);

	while (list && *list) {
		size_t item_length = strcspn(list, "\n");

		if (item_length == length && strncasecmp(list, item, length) == 0)
			return true;
		list += item_length + (list[item_length] == '\n');
	}
	return false;
}

static bool may_upload(const struct job *job, const struct run *run, struct findings *findings)
{
	bool is_updatable = facts_boolean(&run->facts, FACT_BAZEL_UPDATES) != 0;

	if (!job->options->is_bazel_upload_wanted)
		return false;
	if (job->context.is_fork_pull_request)
		findings_note(findings, FINDING_BAZEL_UPLOAD_OFF, FILE_VARIABLE,
			      "uploads were asked for, but this is a pull or merge request from "
			      "another repository: the cache is read only here");
	else if (!is_updatable)
		findings_note(findings, FINDING_BAZEL_UPLOAD_OFF, FILE_VARIABLE,
			      "uploads were asked for, but the cache does not allow updates");
	return !job->context.is_fork_pull_request && is_updatable;
}

/* The variable repeats the URL with its credentials, as scripts hand it to --remote_cache. */
static void set_variable(struct environment *environment, const struct bazel_facts *facts)
{
	CLEANUP_FREE char *full = facts->user_info ? with_user_info(facts) : NULL;
	const char *colon = facts->user_info ? strchr(facts->user_info, ':') : NULL;

	environment_set(environment, VARIABLE, full ? full : facts->url, SOURCE);
	if (facts->user_info)
		environment_add_secret(environment, VARIABLE,
				       colon && colon[1] ? colon + 1 : facts->user_info);
	if (facts->authorization) /* `bazel --announce_rc` prints the rc file's flags */
		environment_add_secret(environment, VARIABLE,
				       facts->authorization + strlen(AUTHORIZATION));
}

static void compose_proven(struct environment *environment, const struct job *job,
			   const struct run *run, const char *url, struct findings *findings)
{
	const char *endpoint = job->endpoints.bazel.url;
	CLEANUP_FREE char *user_info = endpoint ? raw_user_info(endpoint) : NULL;
	CLEANUP_STRBUF struct strbuf file = STRBUF_INIT(FILE_MAX_BYTES);
	CLEANUP(url_release) struct url parts = {0};
	struct bazel_facts facts = {
		.context = &job->context,
		.url = url,
		.user_info = user_info,
		.version = facts_string(&run->facts, FACT_BAZEL_VERSION),
		.is_grpc = text_starts_with(url, "grpc"),
		.has_compression = list_has(&run->facts, FACT_BAZEL_COMPRESSORS, "zstd") &&
				   list_has(&run->facts, FACT_BAZEL_DIGESTS, "sha256"),
		.is_upload_allowed = may_upload(job, run, findings),
	};

	if (user_info && facts.is_grpc && url_parse(endpoint, &parts, NULL) == 0)
		facts.authorization = basic_authorization(&parts);
	set_variable(environment, &facts);
	write_flags(&file, &facts);
	environment_add_file(environment, FILE_VARIABLE, FILE_NAME, file.data, user_info != NULL,
			     SOURCE);
	free(facts.authorization);
}

/* Later rc lines win, so an empty flag takes back what the pod's or the repository's rc says. */
static void compose_dead(struct environment *environment)
{
	CLEANUP_STRBUF struct strbuf file = STRBUF_INIT(FILE_MAX_BYTES);

	add_header(&file);
	strbuf_puts(&file, "# The cache did not pass its proof: builds go on without it.\n");
	add_flag(&file, "--remote_cache", "");
	environment_set(environment, VARIABLE, "", SOURCE);
	environment_add_file(environment, FILE_VARIABLE, FILE_NAME, file.data, false, SOURCE);
}

void bazelrc_compose(struct environment *environment, const struct job *job, const struct run *run,
		     struct findings *findings)
{
	const char *url = facts_string(&run->facts, FACT_BAZEL_URL);
	CLEANUP(url_release) struct url parts = {0};
	struct error error = {0};

	switch (environment_cache_fate(job, run, LANE_BAZEL)) {
	case CACHE_UNTOUCHED:
		return;
	case CACHE_DEAD:
		compose_dead(environment);
		return;
	case CACHE_PROVEN:
		break;
	}
	if (url && url_parse(url, &parts, &error) == 0 && !parts.user) {
		compose_proven(environment, job, run, url, findings);
		return;
	}
	findings_note(findings, FINDING_ENVIRONMENT_VALUE_REFUSED, VARIABLE, "the proven URL: %s",
		      error.message[0] ? error.message : "it is missing, or holds credentials");
	compose_dead(environment);
}
