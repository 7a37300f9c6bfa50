/* SPDX-License-Identifier: Zlib */
/* What an Attic server's answers mean. Pure. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/cleanup.h"
#include "agent/mem.h"
#include "agent/strbuf.h"
#include "agent/text.h"
#include "probes/attic.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SOON_SECONDS (6 * 3600) /* the longest that a job may run */
#define MAX_SHOWN_BYTES 200u
#define MAX_WAY_BYTES 400u

/* Where the judgement goes. */
struct judge {
	const struct attic_evidence *evidence;
	const char *subject;
	struct findings *findings;
	const char *other_way; /* is told too while it is about the way; NULL or "": nothing */
	bool is_bad;           /* an error was found: the cache is not to be used */
};

static const struct resolve_finding resolve_rows[] = {
	{RESOLVE_NXDOMAIN, FINDING_ATTIC_DNS_NXDOMAIN},
	{RESOLVE_NODATA, FINDING_ATTIC_DNS_NODATA},
	{RESOLVE_SERVFAIL, FINDING_ATTIC_DNS_SERVFAIL},
	{RESOLVE_REFUSED, FINDING_ATTIC_DNS_REFUSED},
	{RESOLVE_TIMEOUT, FINDING_ATTIC_DNS_TIMEOUT},
	{RESOLVE_UNREACHABLE, FINDING_ATTIC_DNS_UNREACHABLE},
	{RESOLVE_NO_SERVER, FINDING_ATTIC_DNS_NO_SERVER},
	{RESOLVE_BAD_NAME, FINDING_ATTIC_URL},
	{RESOLVE_OTHER_RCODE, FINDING_ATTIC_DNS_BROKEN},
};

static const struct failure_finding failure_rows[] = {
	{HTTP_REFUSED, FINDING_ATTIC_REFUSED},
	{HTTP_UNREACHABLE, FINDING_ATTIC_UNREACHABLE},
	{HTTP_CONNECT_TIMEOUT, FINDING_ATTIC_CONNECT_TIMEOUT},
	{HTTP_RESPONSE_TIMEOUT, FINDING_ATTIC_RESPONSE_TIMEOUT},
	{HTTP_RESET, FINDING_ATTIC_RESET},
	{HTTP_TRUNCATED, FINDING_ATTIC_TRUNCATED},
	{HTTP_TOO_LARGE, FINDING_ATTIC_OVERSIZED},
	{HTTP_NOT_HTTP, FINDING_ATTIC_NOT_HTTP},
	{HTTP_TLS_EXPIRED, FINDING_ATTIC_TLS_EXPIRED},
	{HTTP_TLS_NOT_YET_VALID, FINDING_ATTIC_TLS_NOT_YET_VALID},
	{HTTP_TLS_WRONG_HOST, FINDING_ATTIC_TLS_WRONG_HOST},
	{HTTP_TLS_UNTRUSTED, FINDING_ATTIC_TLS_UNTRUSTED},
	{HTTP_TLS_PROTOCOL, FINDING_ATTIC_TLS_PROTOCOL},
	{HTTP_TLS_CLIENT_CERTIFICATE, FINDING_ATTIC_TLS_CLIENT},
	{HTTP_NO_CA, FINDING_ATTIC_NO_CA},
	{HTTP_INTERNAL, FINDING_ATTIC_FAILED},
};

/* Statuses other than 200; ERROR NULL: whatever Attic's JSON says, or does not say. The first row
 * that fits is taken. */
static const struct status_row {
	long first, last;
	const char *error; /* name in Attic's error JSON; "": none came */
	enum finding_id id;
} status_rows[] = {
	{304, 304, NULL,
	 FINDING_ATTIC_UNEXPECTED}, /* no redirect, and nothing that was asked for */
	{300, 399, NULL, FINDING_ATTIC_REDIRECTED},
	{401, 401, NULL, FINDING_ATTIC_UNAUTHORIZED},
	{403, 403, NULL, FINDING_ATTIC_FORBIDDEN},
	{404, 404, "NoSuchCache", FINDING_ATTIC_NO_SUCH_CACHE},
	{400, 400, "RequestError", FINDING_ATTIC_BAD_HOST},
	{400, 400, "", FINDING_ATTIC_UNEXPECTED}, /* bad names are never asked for */
	{400, 400, NULL, FINDING_ATTIC_BAD_NAME},
	{429, 429, NULL, FINDING_ATTIC_RATE_LIMITED},
	{500, 599, "", FINDING_ATTIC_NO_BACKEND},
	{500, 599, NULL, FINDING_ATTIC_SERVER_ERROR},
	{0, 999, NULL, FINDING_ATTIC_UNEXPECTED},
};

enum finding_id attic_failure_finding(enum http_failure failure)
{
	return failure_finding(failure_rows, COUNT(failure_rows), failure);
}

static void note(struct judge *judge, enum finding_id id, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static void note(struct judge *judge, enum finding_id id, const char *format, ...)
{
	CLEANUP_FREE char *detail = NULL;
	va_list args;

	va_start(args, format);
	detail = mem_vformat(format, args);
	va_end(args);
	if (judge->other_way && *judge->other_way) {
		char *whole = mem_format("%s; %s", detail, judge->other_way);

		free(detail);
		detail = whole;
	}
	(void)findings_add(judge->findings, id, "attic", judge->subject, detail);
	judge->is_bad |= finding_kind(id)->severity == SEVERITY_ERROR;
}

/* ---- the answer to the question for the configuration */

static bool row_fits(const struct status_row *row, const struct attic_evidence *evidence)
{
	const char *name = evidence->has_error ? evidence->error.name : "";

	return evidence->answer.status >= row->first && evidence->answer.status <= row->last &&
	       (!row->error || strcmp(row->error, name) == 0);
}

static void judge_status(struct judge *judge)
{
	const struct attic_evidence *evidence = judge->evidence;
	const struct status_row *row = status_rows;

	while (!row_fits(row, evidence))
		row++;
	if (row->id == FINDING_ATTIC_REDIRECTED)
		note(judge, row->id, "HTTP %ld to %s", evidence->answer.status,
		     *evidence->location ? evidence->location : "nowhere");
	else if (evidence->has_error)
		note(judge, row->id, "HTTP %ld, %s: %s", evidence->answer.status,
		     evidence->error.name, evidence->error.message);
	else
		note(judge, row->id, "HTTP %ld, not in Attic's own form (%s)",
		     evidence->answer.status,
		     *evidence->content_type ? evidence->content_type : "no content type");
}

static void judge_foreign(struct judge *judge)
{
	const struct attic_evidence *evidence = judge->evidence;
	const char *type = *evidence->content_type ? evidence->content_type : "no content type";

	if (evidence->is_html)
		note(judge, FINDING_ATTIC_HTML, "HTTP 200 with a web page (%s)", type);
	else if (evidence->kind == ATTIC_ANSWER_OTHER_JSON)
		note(judge, FINDING_ATTIC_OTHER_JSON, "HTTP 200 with %s", evidence->problem);
	else
		note(judge, FINDING_ATTIC_MALFORMED,
		     "HTTP 200 with an answer that cannot be read: %s", evidence->problem);
}

static void judge_proxy(struct judge *judge)
{
	CLEANUP_STRBUF struct strbuf way = STRBUF_INIT(MAX_WAY_BYTES);

	attic_way_describe(judge->evidence, &way);
	note(judge, FINDING_ATTIC_PROXY_FAILED, "%s", way.data);
}

/* Whether a configuration came. */
static bool judge_answer(struct judge *judge)
{
	const struct attic_evidence *evidence = judge->evidence;

	judge->other_way = evidence->other_way;
	if (attic_is_proxy_failure(evidence))
		judge_proxy(judge);
	else if (evidence->resolve != RESOLVE_OK)
		note(judge, resolve_finding(resolve_rows, COUNT(resolve_rows), evidence->resolve),
		     "%s", evidence->resolve_detail);
	else if (evidence->answer.failure != HTTP_OK)
		note(judge, attic_failure_finding(evidence->answer.failure), "%s",
		     evidence->answer.detail);
	else if (evidence->is_tls_wanted)
		note(judge, FINDING_ATTIC_NOT_HTTP,
		     "HTTP %ld: the port speaks TLS and wants https://", evidence->answer.status);
	else if (evidence->answer.status != 200)
		judge_status(judge);
	else if (!evidence->is_config_read)
		judge_foreign(judge);
	judge->other_way = NULL;
	return !judge->is_bad;
}

/* ---- the configuration */

static bool is_retired(const struct attic_evidence *evidence, const char *key)
{
	for (char *const *old = evidence->retired_keys; old && *old; old++)
		if (strcmp(*old, key) == 0)
			return true;
	return false;
}

/* Two readable keys that are not the same text. */
static void judge_other_key(struct judge *judge, const struct nix_key *shown)
{
	struct nix_key trusted;
	bool is_same = nix_key_parse(judge->evidence->trusted_key, &trusted) &&
		       memcmp(trusted.bytes, shown->bytes, sizeof(shown->bytes)) == 0;

	if (is_same && strcmp(trusted.name, shown->name) == 0)
		return;
	if (is_same)
		note(judge, FINDING_ATTIC_KEY_NAME, "trusted as \"%s\", shown as \"%s\"",
		     trusted.name, shown->name);
	else
		note(judge, FINDING_ATTIC_KEY_MISMATCH,
		     "the key to trust is %s, the server shows %s", judge->evidence->trusted_key,
		     judge->evidence->config.public_key);
}

static void judge_key(struct judge *judge)
{
	const struct attic_evidence *evidence = judge->evidence;
	const char *shown = evidence->config.public_key;
	struct nix_key key;

	if (shown && !nix_key_parse(shown, &key))
		note(judge, FINDING_ATTIC_KEY_UNREADABLE, "shown: %.*s", (int)MAX_SHOWN_BYTES,
		     shown);
	else if (shown && is_retired(evidence, shown))
		note(judge, FINDING_ATTIC_KEY_RETIRED, "shown: %s", shown);
	else if (!evidence->trusted_key)
		note(judge, FINDING_ATTIC_KEY_UNKNOWN,
		     "the server shows %s, which nothing confirms", shown ? shown : "none");
	else if (!shown)
		note(judge, FINDING_ATTIC_KEY_HIDDEN, "trusted: %s", evidence->trusted_key);
	else
		judge_other_key(judge, &key);
}

/* A name may be written with the root's dot behind it. */
static bool is_same_host(const char *a, const char *b)
{
	size_t length = strlen(a), other = strlen(b);

	length -= length && a[length - 1] == '.';
	other -= other && b[other - 1] == '.';
	return length == other && strncasecmp(a, b, length) == 0;
}

static void judge_config(struct judge *judge)
{
	const struct attic_config *config = &judge->evidence->config;
	CLEANUP(url_release) struct url url = {0};

	if (config->store_dir && strcmp(config->store_dir, NIX_STORE_DIRECTORY) != 0)
		note(judge, FINDING_ATTIC_STORE_DIR, "%.*s", (int)MAX_SHOWN_BYTES,
		     config->store_dir);
	judge_key(judge);
	if (!config->substituter_endpoint)
		return;
	if (url_parse(config->substituter_endpoint, &url, NULL))
		note(judge, FINDING_ATTIC_OTHER_ENDPOINT, "it is no URL");
	else if (!is_same_host(url.host, judge->evidence->host))
		note(judge, FINDING_ATTIC_OTHER_ENDPOINT, "asked %s, named %s",
		     judge->evidence->host, url.host);
}

/* ---- the token */

/* "3 hours"; the caller frees. */
static char *duration(int64_t seconds)
{
	static const struct {
		int64_t seconds;
		const char *name;
	} units[] = {{86400, "days"}, {3600, "hours"}, {60, "minutes"}, {1, "seconds"}};
	size_t i = 0;

	while (i + 1 < COUNT(units) && seconds < 2 * units[i].seconds)
		i++;
	return mem_format("%lld %s", (long long)(seconds / units[i].seconds), units[i].name);
}

static void judge_times(struct judge *judge)
{
	const struct attic_token *token = &judge->evidence->token;
	int64_t now = judge->evidence->now;
	int64_t early = token->has_not_before ? token->not_before - now : 0;
	int64_t left = token->has_expiry ? token->expiry + ATTIC_TOKEN_GRACE_SECONDS - now
					 : SOON_SECONDS * 2;
	CLEANUP_FREE char *early_text = duration(early);
	CLEANUP_FREE char *left_text = duration(left);
	CLEANUP_FREE char *past_text = duration(now - token->expiry);

	if (early > 0)
		note(judge, FINDING_ATTIC_TOKEN_EARLY, "valid in %s", early_text);
	if (left < 0)
		note(judge, FINDING_ATTIC_TOKEN_EXPIRED, "expired %s ago", past_text);
	else if (left < SOON_SECONDS)
		note(judge, FINDING_ATTIC_TOKEN_EXPIRING,
		     "%s are left, the server's grace of %d minutes included", left_text,
		     ATTIC_TOKEN_GRACE_SECONDS / 60);
}

static void judge_rights(struct judge *judge)
{
	const struct attic_evidence *evidence = judge->evidence;
	const struct attic_token *token = &evidence->token;
	const char *entry = *token->pattern ? token->pattern : "(none)";
	bool is_read_by_all = evidence->is_config_read && evidence->config.is_public == 1;

	if (!token->has_permissions)
		return;
	if (!token->may_pull && !is_read_by_all)
		note(judge, FINDING_ATTIC_TOKEN_NO_PULL, "cache %s, deciding entry: %s",
		     evidence->cache, entry);
	if (evidence->is_push_wanted && !token->may_push)
		note(judge, FINDING_ATTIC_TOKEN_NO_PUSH, "cache %s, deciding entry: %s",
		     evidence->cache, entry);
}

static void judge_token(struct judge *judge)
{
	if (!judge->evidence->has_token)
		return;
	if (!judge->evidence->is_token_read) {
		note(judge, FINDING_ATTIC_TOKEN_UNREADABLE, "not three base64url parts with JSON");
		return;
	}
	judge_times(judge);
	judge_rights(judge);
}

/* What was answered where the right to push was not proven; the caller frees. */
static char *unproven_push(const struct attic_evidence *evidence)
{
	const struct attic_answer *push = &evidence->push;

	if (push->failure != HTTP_OK)
		return mem_strdup(push->detail);
	return mem_format("HTTP %ld, %s", push->status,
			  evidence->has_token ? "with the token" : "there is no token");
}

static void judge_push(struct judge *judge)
{
	const struct attic_evidence *evidence = judge->evidence;
	const struct attic_answer *push = &evidence->push;
	const bool is_answered = push->failure == HTTP_OK;
	enum finding_id id = FINDING_ATTIC_PUSH_UNPROVEN;
	CLEANUP_FREE char *detail = NULL;

	if (!push->is_asked)
		return;
	if (is_answered && push->status == 200) {
		note(judge, FINDING_ATTIC_PUSH_ALLOWED, "cache %s", evidence->cache);
		return;
	}
	if (evidence->is_push_required)
		id = FINDING_ATTIC_PUSH_REQUIRED;
	else if (is_answered && (push->status == 401 || push->status == 403))
		id = FINDING_ATTIC_PUSH_DENIED;
	detail = unproven_push(evidence);
	/* Past note(): an error of pushing leaves the cache good for reading. */
	(void)findings_add(judge->findings, id, "attic", judge->subject, detail);
}

/* ---- all of it */

static void note_ready(struct judge *judge, const char *storage)
{
	const struct attic_evidence *evidence = judge->evidence;
	int is_public = evidence->config.is_public;
	bool is_proxied = evidence->proxy && !evidence->is_direct;

	note(judge, FINDING_ATTIC_READY, "cache %s, %s, %s, storage %s, %lld ms%s%s",
	     evidence->cache,
	     is_public == 1   ? "public"
	     : is_public == 0 ? "private"
			      : "visibility not said",
	     !evidence->trusted_key        ? "key not known"
	     : evidence->config.public_key ? "key matches"
					   : "key not shown",
	     storage, (long long)(evidence->took_us / 1000),
	     is_proxied ? ", through the proxy " : "", is_proxied ? evidence->proxy : "");
}

bool attic_judge(const struct attic_evidence *evidence, const char *subject,
		 struct findings *findings)
{
	struct judge judge = {.evidence = evidence, .subject = subject, .findings = findings};
	const char *storage;

	if (!judge_answer(&judge)) {
		judge_token(&judge);
		return false;
	}
	judge_config(&judge);
	judge_token(&judge);
	judge_push(&judge);
	if (judge.is_bad)
		return false; /* what a wrong cache holds is of no interest */
	storage = attic_judge_storage(evidence, subject, findings);
	if (strcmp(storage, "failed") == 0)
		return false;
	note_ready(&judge, storage);
	attic_judge_way(evidence, subject, findings);
	return true;
}
