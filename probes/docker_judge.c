/* SPDX-License-Identifier: Zlib */
/* The docker probe's second half: which of the places counts, and what each failure means. Pure. */
#include <errno.h>
#include <string.h>

#include "agent/cleanup.h"
#include "agent/docker_env.h"
#include "agent/endpoint_connect.h"
#include "agent/fact_names.h"
#include "agent/finding.h"
#include "agent/record.h"
#include "agent/strbuf.h"
#include "probes/docker.h"

#define DETAIL_MAX_BYTES 900u
#define SLOW_MS 200 /* a daemon that was there at once is said nothing of */

/* The oldest version of the API to which clients step down (Docker 1.12), and the oldest to which those of
 * Docker 29 do (Docker 25). */
#define OLDEST_API "1.24"
#define AGED_API "1.44"

bool docker_is_good(const struct docker_answer *answer)
{
	return answer->has_version && docker_api_compare(answer->version.api, OLDEST_API) >= 0;
}

/* ---- which finding a failure is */

static enum finding_id finding_of_file(int error)
{
	if (error == EACCES || error == EPERM)
		return FINDING_DOCKER_DENIED;
	return error == ENOENT ? FINDING_DOCKER_NO_SOCKET : FINDING_DOCKER_UNREACHABLE;
}

static enum finding_id finding_of_failure(enum http_failure failure)
{
	static const struct failure_finding rows[] = {
		{HTTP_REFUSED, FINDING_DOCKER_REFUSED},
		{HTTP_RESPONSE_TIMEOUT, FINDING_DOCKER_NO_ANSWER},
		{HTTP_RESET, FINDING_DOCKER_HUNG_UP},
		{HTTP_TRUNCATED, FINDING_DOCKER_HUNG_UP},
		{HTTP_TOO_LARGE, FINDING_DOCKER_OTHER_SERVER},
		{HTTP_NOT_HTTP, FINDING_DOCKER_OTHER_SERVER},
		{HTTP_TLS_EXPIRED, FINDING_DOCKER_TLS_FAILED},
		{HTTP_TLS_NOT_YET_VALID, FINDING_DOCKER_TLS_FAILED},
		{HTTP_TLS_WRONG_HOST, FINDING_DOCKER_TLS_FAILED},
		{HTTP_TLS_UNTRUSTED, FINDING_DOCKER_TLS_FAILED},
		{HTTP_TLS_PROTOCOL, FINDING_DOCKER_TLS_FAILED},
		{HTTP_TLS_CLIENT_CERTIFICATE, FINDING_DOCKER_TLS_CREDENTIALS},
		{HTTP_NO_CA, FINDING_DOCKER_TLS_CREDENTIALS},
		{HTTP_UNREACHABLE, FINDING_DOCKER_UNREACHABLE}, /* and all others */
	};

	return failure_finding(rows, sizeof(rows) / sizeof(rows[0]), failure);
}

static enum finding_id finding_of_reply(const struct docker_answer *answer)
{
	if (answer->is_tls_wanted)
		return FINDING_DOCKER_TLS_WANTED;
	if (answer->status >= 400 && (answer->status != 404 || answer->is_pong))
		return FINDING_DOCKER_STATUS; /* a web server knows no /_ping */
	if (!answer->is_pong)
		return FINDING_DOCKER_OTHER_SERVER;
	return answer->has_version ? FINDING_DOCKER_API_OLD : FINDING_DOCKER_BAD_ANSWER;
}

static enum finding_id finding_of(const struct docker_answer *answer)
{
	if (answer->is_other_file)
		return FINDING_DOCKER_NOT_SOCKET;
	if (answer->file_error)
		return finding_of_file(answer->file_error);
	if (answer->resolve != RESOLVE_OK)
		return FINDING_DOCKER_UNRESOLVED;
	if (answer->failure != HTTP_OK)
		return finding_of_failure(answer->failure);
	return finding_of_reply(answer);
}

/* Clients that verify nothing would go on where only the certificate is wrong. */
static bool is_certificate_alone(const struct docker_answer *answer)
{
	return answer->failure == HTTP_TLS_EXPIRED || answer->failure == HTTP_TLS_NOT_YET_VALID ||
	       answer->failure == HTTP_TLS_WRONG_HOST || answer->failure == HTTP_TLS_UNTRUSTED;
}

/* What is wrong with the first place. */
static enum finding_id finding_of_first(const struct docker_evidence *evidence)
{
	const struct docker_place *first = &evidence->places[0];

	if (evidence->is_not_valid)
		return FINDING_DOCKER_HOST_NOT_VALID;
	if (*evidence->problem)
		return FINDING_DOCKER_TLS_CREDENTIALS;
	if (first->host.way == DOCKER_WAY_SSH)
		return FINDING_DOCKER_HOST_NOT_PROVEN;
	if (evidence->is_unverified && is_certificate_alone(&first->answer))
		return FINDING_DOCKER_TLS_UNVERIFIED;
	return finding_of(&first->answer);
}

/* ---- what was seen, in words */

static const char *text_of(const struct docker_answer *answer)
{
	if (docker_is_good(answer))
		return "a daemon answers";
	return *answer->detail ? answer->detail : "not asked";
}

static void describe(const struct docker_evidence *evidence, size_t index, struct strbuf *out)
{
	const struct docker_place *place = &evidence->places[index];
	const struct docker_answer *answer = &place->answer;

	if (index == 0 && evidence->is_named && !evidence->is_not_valid)
		strbuf_puts(out, "by DOCKER_HOST; ");
	if (index == 0 && *evidence->problem)
		strbuf_puts(out, evidence->problem);
	else if (place->host.way == DOCKER_WAY_SSH)
		strbuf_puts(out, "ssh is the clients' own way");
	else if (answer->has_version)
		strbuf_printf(out, "Docker %s speaks the API up to %s alone",
			      answer->version.version, answer->version.api);
	else
		strbuf_puts(out, text_of(answer));
}

static void describe_good(const struct docker_evidence *evidence, struct strbuf *out)
{
	const struct docker_version *version = &evidence->places[evidence->working].answer.version;

	strbuf_printf(out, "Docker %s, API %s", version->version, version->api);
	if (*version->oldest_api)
		strbuf_printf(out, " (from %s on)", version->oldest_api);
	if (*version->system)
		strbuf_printf(out, ", %s", version->system);
	if (evidence->waited_ms >= SLOW_MS)
		strbuf_printf(out, ", after %ld.%ld s", evidence->waited_ms / 1000,
			      evidence->waited_ms % 1000 / 100);
}

/* ---- verdicts */

static void judge_good(const struct docker_evidence *evidence, struct channel *channel)
{
	const struct docker_place *place = &evidence->places[evidence->working];
	CLEANUP_STRBUF struct strbuf detail = STRBUF_INIT(DETAIL_MAX_BYTES);

	describe_good(evidence, &detail);
	channel_finding(channel, FINDING_DOCKER_READY, place->host.shown, NULL, "%s", detail.data);
	if (docker_api_compare(place->answer.version.api, AGED_API) < 0)
		channel_finding(channel, FINDING_DOCKER_API_AGED, place->host.shown, NULL,
				"Docker %s speaks the API up to %s", place->answer.version.version,
				place->answer.version.api);
}

/* The job's clients go to a dead place, and a daemon answers at another. */
static void judge_contradiction(const struct docker_evidence *evidence, struct channel *channel)
{
	const char *working = evidence->places[evidence->working].host.shown;
	const char *remedy =
		evidence->is_named || evidence->places[0].host.is_tls
			? NULL
			: "Whoever runs the pool lets the daemon's socket be where clients look "
			  "without DOCKER_HOST: " DOCKER_USUAL_SOCKET ".";
	CLEANUP_STRBUF struct strbuf detail = STRBUF_INIT(DETAIL_MAX_BYTES);

	describe(evidence, 0, &detail);
	strbuf_printf(&detail, "; a daemon answers at %s", working);
	channel_finding(channel, FINDING_DOCKER_HOST_DEAD, evidence->places[0].host.shown, remedy,
			"%s", detail.data);
	channel_string(channel, FACT_DOCKER_WORKING_HOST, working);
	judge_good(evidence, channel);
}

/* The place that tells most: what DOCKER_HOST names, else a usual socket that is there. */
static size_t most_telling(const struct docker_evidence *evidence)
{
	if (finding_of_first(evidence) != FINDING_DOCKER_NO_SOCKET || evidence->is_named)
		return 0;
	for (size_t i = 1; i < evidence->count; i++)
		if (finding_of(&evidence->places[i].answer) != FINDING_DOCKER_NO_SOCKET)
			return i;
	return 0;
}

static void judge_failure(const struct docker_evidence *evidence, struct channel *channel)
{
	CLEANUP_STRBUF struct strbuf detail = STRBUF_INIT(DETAIL_MAX_BYTES);
	size_t first = most_telling(evidence);
	enum finding_id id =
		first ? finding_of(&evidence->places[first].answer) : finding_of_first(evidence);

	describe(evidence, first, &detail);
	for (size_t i = 0; i < evidence->count; i++)
		if (i != first)
			strbuf_printf(&detail, "; %s: %s", evidence->places[i].host.shown,
				      text_of(&evidence->places[i].answer));
	if (evidence->waited_ms >= SLOW_MS)
		strbuf_printf(&detail, "; given up after %ld.%ld s", evidence->waited_ms / 1000,
			      evidence->waited_ms % 1000 / 100);
	channel_finding(channel, id, evidence->places[first].host.shown, NULL, "%s", detail.data);
}

/* Whether the first place says nothing against itself, but cannot be proven from here. */
static bool is_unproven(const struct docker_evidence *evidence)
{
	enum finding_id id = finding_of_first(evidence);

	return id == FINDING_DOCKER_HOST_NOT_PROVEN || id == FINDING_DOCKER_TLS_UNVERIFIED;
}

static void report_facts(const struct docker_evidence *evidence, struct channel *channel)
{
	bool is_unknown = evidence->working > 0 && is_unproven(evidence);
	bool is_usable = evidence->working < evidence->count && !is_unknown;
	const struct docker_place *place = &evidence->places[is_usable ? evidence->working : 0];
	const struct docker_version *version = &place->answer.version;

	if (!is_unknown)
		channel_boolean(channel, FACT_DOCKER_USABLE, is_usable);
	if (is_usable || !evidence->is_not_valid)
		channel_string(channel, "docker.host", place->host.shown);
	channel_integer(channel, "docker.waited_ms", evidence->waited_ms);
	if (!place->answer.has_version)
		return;
	channel_string(channel, "docker.version", version->version);
	channel_string(channel, "docker.api_version", version->api);
	if (*version->oldest_api)
		channel_string(channel, FACT_DOCKER_OLDEST_API, version->oldest_api);
	if (*version->system)
		channel_string(channel, "docker.system", version->system);
}

void docker_judge(const struct docker_evidence *evidence, struct channel *channel)
{
	report_facts(evidence, channel);
	if (evidence->working == 0)
		judge_good(evidence, channel);
	else if (evidence->working < evidence->count && !is_unproven(evidence))
		judge_contradiction(evidence, channel);
	else
		judge_failure(evidence, channel);
}
