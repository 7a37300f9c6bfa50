/* SPDX-License-Identifier: Zlib */
/* What a Bazel cache's answers mean. Pure. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "agent/cleanup.h"
#include "agent/mem.h"
#include "agent/strbuf.h"
#include "probes/bazel.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define API_MAJOR 2 /* of the Remote Execution API, that all Bazel versions since 1.0 speak */

struct judge {
	const struct bazel_evidence *evidence;
	const char *subject;
	struct findings *findings;
	bool is_bad; /* an error was found: the cache is not to be used */
};

static const struct resolve_finding resolve_rows[] = {
	{RESOLVE_NXDOMAIN, FINDING_BAZEL_UNRESOLVED},
	{RESOLVE_NODATA, FINDING_BAZEL_UNRESOLVED},
	{RESOLVE_BAD_NAME, FINDING_BAZEL_URL},
	{RESOLVE_SERVFAIL, FINDING_BAZEL_DNS_BROKEN},
};

static const struct failure_finding failure_rows[] = {
	{HTTP_REFUSED, FINDING_BAZEL_REFUSED},
	{HTTP_UNREACHABLE, FINDING_BAZEL_UNREACHABLE},
	{HTTP_CONNECT_TIMEOUT, FINDING_BAZEL_CONNECT_TIMEOUT},
	{HTTP_RESPONSE_TIMEOUT, FINDING_BAZEL_NO_ANSWER},
	{HTTP_RESET, FINDING_BAZEL_RESET},
	{HTTP_TRUNCATED, FINDING_BAZEL_RESET},
	{HTTP_TOO_LARGE, FINDING_BAZEL_BAD_ANSWER},
	{HTTP_NOT_HTTP, FINDING_BAZEL_NOT_HTTP},
	{HTTP_TLS_EXPIRED, FINDING_BAZEL_TLS_EXPIRED},
	{HTTP_TLS_NOT_YET_VALID, FINDING_BAZEL_TLS_NOT_YET_VALID},
	{HTTP_TLS_WRONG_HOST, FINDING_BAZEL_TLS_WRONG_HOST},
	{HTTP_TLS_UNTRUSTED, FINDING_BAZEL_TLS_UNTRUSTED},
	{HTTP_TLS_PROTOCOL, FINDING_BAZEL_TLS_PROTOCOL},
	{HTTP_TLS_CLIENT_CERTIFICATE, FINDING_BAZEL_TLS_CLIENT},
	{HTTP_NO_CA, FINDING_BAZEL_NO_CA},
	{HTTP_INTERNAL, FINDING_BAZEL_FAILED},
};

struct status_row {
	long status;
	enum finding_id id;
};

/* grpc-status; the last row is for all others. */
static const struct status_row grpc_rows[] = {
	{GRPC_STATUS_DEADLINE_EXCEEDED, FINDING_BAZEL_NO_ANSWER},
	{GRPC_STATUS_PERMISSION_DENIED, FINDING_BAZEL_PERMISSION_DENIED},
	{GRPC_STATUS_UNIMPLEMENTED, FINDING_BAZEL_NOT_CACHE},
	{GRPC_STATUS_UNAVAILABLE, FINDING_BAZEL_UNAVAILABLE},
	{GRPC_STATUS_UNAUTHENTICATED, FINDING_BAZEL_UNAUTHENTICATED},
	{-1, FINDING_BAZEL_STATUS},
};

/* HTTP statuses of a cache that speaks HTTP, and of a proxy before one that speaks gRPC. */
static const struct status_row http_rows[] = {
	{200, FINDING_BAZEL_NOT_CACHE},
	{301, FINDING_BAZEL_NOT_CACHE}, /* neither a cache redirects, nor does Bazel follow */
	{302, FINDING_BAZEL_NOT_CACHE},
	{303, FINDING_BAZEL_NOT_CACHE},
	{307, FINDING_BAZEL_NOT_CACHE},
	{308, FINDING_BAZEL_NOT_CACHE},
	{401, FINDING_BAZEL_UNAUTHENTICATED},
	{403, FINDING_BAZEL_PERMISSION_DENIED},
	{404, FINDING_BAZEL_NOT_CACHE},
	{407, FINDING_BAZEL_UNAUTHENTICATED},
	{502, FINDING_BAZEL_UNAVAILABLE},
	{503, FINDING_BAZEL_UNAVAILABLE},
	{504, FINDING_BAZEL_UNAVAILABLE},
	{-1, FINDING_BAZEL_STATUS},
};

static enum finding_id status_finding(const struct status_row *rows, size_t count, long status)
{
	size_t i = 0;

	while (i + 1 < count && rows[i].status != status)
		i++;
	return rows[i].id;
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
	(void)findings_add(judge->findings, id, "bazel", judge->subject, detail);
	judge->is_bad |= finding_kind(id)->severity == SEVERITY_ERROR;
}

static void note_http_status(struct judge *judge, enum finding_id id,
			     const struct bazel_answer *answer)
{
	if (*answer->location)
		note(judge, id, "HTTP %ld to %s", answer->status, answer->location);
	else
		note(judge, id, "HTTP %ld with %s", answer->status,
		     *answer->content_type ? answer->content_type : "no content type");
}

/* ---- gRPC */

/* The health service needs no credentials: it tells a wrong password from a dead server. */
static const char *health_word(const struct bazel_evidence *evidence, char *ret, size_t size)
{
	*ret = '\0';
	if (evidence->health)
		(void)snprintf(ret, size, "; its health service says %s", evidence->health);
	return ret;
}

static void judge_status(struct judge *judge)
{
	const struct bazel_evidence *evidence = judge->evidence;
	char health[64];

	note(judge, status_finding(grpc_rows, COUNT(grpc_rows), evidence->grpc_status),
	     "GetCapabilities: %s (%d)%s%s%s", grpc_status_name(evidence->grpc_status),
	     evidence->grpc_status, *evidence->grpc_message ? ", " : "", evidence->grpc_message,
	     health_word(evidence, health, sizeof(health)));
}

static void judge_not_grpc(struct judge *judge)
{
	const struct bazel_answer *call = &judge->evidence->call;
	enum finding_id id = status_finding(http_rows, COUNT(http_rows), call->status);

	/* What only a proxy can mean keeps its meaning; all else is simply no gRPC. */
	if (id == FINDING_BAZEL_NOT_CACHE || id == FINDING_BAZEL_STATUS)
		id = FINDING_BAZEL_NOT_GRPC;
	note_http_status(judge, id, call);
}

static void describe_capabilities(const struct bazel_evidence *evidence, struct strbuf *out)
{
	const struct reapi_capabilities *can = &evidence->capabilities;

	strbuf_puts(out, "SHA-256");
	if (can->compressors & 1u << REAPI_ZSTD)
		strbuf_puts(out, ", zstd");
	strbuf_puts(out, can->is_update_enabled ? ", takes uploads" : ", read only");
	if (can->high.is_present)
		strbuf_printf(out, ", API %lld.%lld", (long long)can->high.major,
			      (long long)can->high.minor);
	strbuf_printf(out, ", %lld ms", (long long)(evidence->took_us / 1000));
}

static void judge_version(struct judge *judge, const struct reapi_capabilities *can)
{
	bool is_too_new = can->low.is_present && can->low.major > API_MAJOR;
	bool is_too_old = can->high.is_present && can->high.major < API_MAJOR;

	if (is_too_new || is_too_old)
		note(judge, FINDING_BAZEL_API_VERSION,
		     "the server speaks API %lld.%lld to %lld.%lld", (long long)can->low.major,
		     (long long)can->low.minor, (long long)can->high.major,
		     (long long)can->high.minor);
}

static void judge_capabilities(struct judge *judge)
{
	const struct bazel_evidence *evidence = judge->evidence;
	const struct reapi_capabilities *can = &evidence->capabilities;
	CLEANUP_STRBUF struct strbuf text = STRBUF_INIT(512);

	if (!can->has_cache) {
		note(judge, FINDING_BAZEL_NOT_CACHE, "the server %s, and names no cache",
		     can->has_execution ? "executes actions" : "answers GetCapabilities");
		return;
	}
	judge_version(judge, can);
	if (!(can->digest_functions & 1u << REAPI_SHA256)) {
		reapi_digest_names(can->digest_functions, &text);
		for (size_t i = 0; i < text.length; i++)
			if (text.data[i] == '\n')
				text.data[i] = ' ';
		note(judge, FINDING_BAZEL_NO_SHA256, "digest functions offered: %s",
		     text.length ? text.data : "none");
	}
	if (judge->is_bad)
		return;
	describe_capabilities(evidence, &text);
	note(judge, FINDING_BAZEL_READY, "%s", text.data);
	if (!can->is_update_enabled)
		note(judge,
		     evidence->is_upload_wanted ? FINDING_BAZEL_UPLOAD_REFUSED
						: FINDING_BAZEL_READ_ONLY,
		     "GetCapabilities: update_enabled is false");
}

static void judge_grpc(struct judge *judge)
{
	const struct bazel_evidence *evidence = judge->evidence;
	const struct bazel_answer *call = &evidence->call;

	switch (evidence->grpc) {
	case GRPC_OK:
		if (evidence->is_decoded)
			judge_capabilities(judge);
		else
			note(judge, FINDING_BAZEL_BAD_ANSWER,
			     "the message is no ServerCapabilities");
		break;
	case GRPC_TRANSPORT:
		if (call->failure == HTTP_NOT_HTTP)
			note(judge, FINDING_BAZEL_NOT_GRPC, "%s", call->detail);
		else
			note(judge,
			     failure_finding(failure_rows, COUNT(failure_rows), call->failure),
			     "%s", call->detail);
		break;
	case GRPC_NOT_GRPC:
		judge_not_grpc(judge);
		break;
	case GRPC_STATUS:
		judge_status(judge);
		break;
	case GRPC_NO_STATUS:
		note(judge, FINDING_BAZEL_NO_STATUS, "HTTP 200 with %s, and no grpc-status",
		     call->content_type);
		break;
	case GRPC_BAD_FRAME:
		note(judge, FINDING_BAZEL_BAD_ANSWER, "%s",
		     *call->detail ? call->detail
				   : "the answer is not exactly one uncompressed message of a fit "
				     "size");
		break;
	}
}

/* ---- HTTP */

static void judge_blob(struct judge *judge)
{
	const struct bazel_evidence *evidence = judge->evidence;
	const struct bazel_answer *get = &evidence->get;

	if (evidence->is_tls_wanted) {
		note(judge, FINDING_BAZEL_NOT_HTTP,
		     "HTTP %ld: the port speaks TLS and wants https://", get->status);
	} else if (get->status != 200 && get->status != 404) {
		note_http_status(judge, status_finding(http_rows, COUNT(http_rows), get->status),
				 get);
	} else if (get->status == 404 || evidence->head.status != 200) {
		note(judge, FINDING_BAZEL_NOT_CACHE,
		     "the empty blob: HEAD gives HTTP %ld, GET HTTP %ld%s", evidence->head.status,
		     get->status, evidence->has_status_page ? "; /status is bazel-remote's" : "");
	} else if (!evidence->is_blob_empty) {
		note(judge, FINDING_BAZEL_NOT_CACHE, "the empty blob is not empty: %s came",
		     *get->content_type ? get->content_type : "something");
	} else {
		note(judge, FINDING_BAZEL_READY, "the empty blob is there%s, %lld ms",
		     evidence->has_status_page ? ", bazel-remote" : "",
		     (long long)(evidence->took_us / 1000));
	}
}

static void judge_http(struct judge *judge)
{
	const struct bazel_evidence *evidence = judge->evidence;
	const struct bazel_answer *failed = &evidence->head;
	bool is_head_answered = failed->failure == HTTP_OK;

	if (is_head_answered)
		failed = &evidence->get;
	if (failed->failure == HTTP_OK)
		judge_blob(judge);
	else if (is_head_answered && failed->failure == HTTP_NOT_HTTP)
		note(judge, FINDING_BAZEL_BAD_ANSWER,
		     "no HTTP comes behind the answer to HEAD, which has no body");
	else
		note(judge, failure_finding(failure_rows, COUNT(failure_rows), failed->failure),
		     "%s", failed->detail);
}

bool bazel_judge(const struct bazel_evidence *evidence, const char *subject,
		 struct findings *findings)
{
	struct judge judge = {evidence, subject, findings, false};

	if (*evidence->authority)
		note(&judge, FINDING_BAZEL_NO_CA, "%s", evidence->authority);
	else if (*evidence->credentials)
		note(&judge, FINDING_BAZEL_TLS_CLIENT, "%s", evidence->credentials);
	else if (evidence->resolve != RESOLVE_OK)
		note(&judge, resolve_finding(resolve_rows, COUNT(resolve_rows), evidence->resolve),
		     "%s", evidence->resolve_detail);
	else if (evidence->is_grpc)
		judge_grpc(&judge);
	else
		judge_http(&judge);
	return !judge.is_bad;
}
