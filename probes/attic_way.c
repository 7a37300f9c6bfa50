/* SPDX-License-Identifier: Zlib */
/* The way to an Attic server: through the proxy that the job's environment names, as Nix and Attic's own
 * client would go, and past it where Attic does not speak on the other end. */
#include <stdio.h>
#include <string.h>

#include "agent/cleanup.h"
#include "agent/endpoint_host.h"
#include "agent/error.h"
#include "agent/mem.h"
#include "agent/no_proxy.h"
#include "agent/record.h"
#include "agent/strbuf.h"
#include "agent/text.h"
#include "probes/attic.h"

/* A proxy that is dead leaves as much time for the direct way. */
#define PROXY_BUDGET_MS (TARGET_BUDGET_MS / 2)

static void keep(char *ret, size_t size, const char *text)
{
	(void)snprintf(ret, size, "%s", text);
}

/* ---- the question */

static bool is_web_page(const struct http_response *response)
{
	const char *body = response->body.data + strspn(response->body.data, " \t\r\n");

	return strstr(response->content_type, "html") || *body == '<';
}

static void read_answer(const struct http_response *response, struct attic_evidence *evidence)
{
	CLEANUP_FREE char *location =
		text_cleaned(response->location, sizeof(evidence->location) - 1);
	const struct strbuf *body = &response->body;
	struct error why = {0};

	attic_config_release(&evidence->config);
	evidence->is_config_read = evidence->has_error = false;
	evidence->took_us = response->took_us;
	keep(evidence->content_type, sizeof(evidence->content_type), response->content_type);
	keep(evidence->location, sizeof(evidence->location), location ? location : "");
	if (response->failure != HTTP_OK)
		return;
	evidence->is_html = is_web_page(response);
	evidence->is_tls_wanted = target_wants_tls(response);
	if (response->status == 200 && !evidence->is_html) {
		evidence->is_config_read = !attic_config_parse(
			body->data, body->length, &evidence->config, &evidence->kind, &why);
		keep(evidence->problem, sizeof(evidence->problem), why.message);
	}
	if (response->status != 200)
		evidence->has_error = attic_error_parse(body->data, body->length, &evidence->error);
}

static void collect_config(struct attic_session *session, struct attic_evidence *evidence)
{
	CLEANUP_FREE char *path = mem_format("/_api/v1/cache-config/%s", evidence->cache);
	CLEANUP(http_response_release) struct http_response response = {0};
	struct http_request request = {.max_body_bytes = ATTIC_CONFIG_MAX_BYTES};

	attic_ask(session, &request, path, &response, &evidence->answer);
	read_answer(&response, evidence);
}

bool attic_spoke(const struct attic_evidence *evidence)
{
	return evidence->is_config_read || evidence->has_error;
}

/* ---- the ways */

static void keep_resolve(const struct target *target, struct attic_evidence *evidence)
{
	CLEANUP_STRBUF struct strbuf detail = STRBUF_INIT(sizeof(evidence->resolve_detail) - 1);

	evidence->resolve = target->answer.outcome;
	evidence->dns_us = target->answer.took_us;
	target_describe_resolve(target, &detail);
	keep(evidence->resolve_detail, sizeof(evidence->resolve_detail), detail.data);
}

/* What goes through a proxy to an http server is the proxy's to read. Nix will send the token that way
 * only if it is the way, so the token comes after Attic has spoken there. From then on there is all the
 * time that is left. */
static void ask(struct attic_session *session, struct attic_evidence *evidence)
{
	const struct target *target = &session->target;

	session->is_secret_kept =
		target->proxy && !target->url->is_tls && (session->token || session->user);
	collect_config(session, evidence);
	if (attic_spoke(evidence)) {
		session->target.end_us = session->end_us;
		if (session->is_secret_kept) {
			session->is_secret_kept = false;
			collect_config(session, evidence);
		}
	}
	session->is_secret_kept = false;
	keep(evidence->address, sizeof(evidence->address),
	     target->answer.addresses[target->next_address]);
}

/* PROXY NULL: directly. */
static void try_way(struct attic_session *session, const struct proxy *proxy, int64_t end_us,
		    struct channel *channel, struct attic_evidence *evidence)
{
	const struct url *url = session->target.url;

	channel_phase(channel, proxy ? "resolve the proxy" : "resolve the host");
	target_close(&session->target);
	target_open_through(&session->target, session->resolver, url, proxy, end_us);
	target_leave_room(&session->target);
	if (session->end_us < session->target.end_us)
		session->end_us = session->target.end_us;
	keep_resolve(&session->target, evidence);
	if (evidence->resolve != RESOLVE_OK)
		return;
	free(session->base);
	session->base = mem_format("%s%s", session->target.origin, url->path);
	channel_phase(channel, proxy ? "ask for the cache's configuration through the proxy"
				     : "ask for the cache's configuration");
	ask(session, evidence);
}

/* Of two ways without Attic at the end, the one that is meant for such a host tells the cause. */
static void choose(struct attic_evidence *evidence, struct attic_evidence *direct, const char *host)
{
	bool is_direct = attic_spoke(direct) || endpoint_host_is_private(host);
	struct attic_evidence *kept = is_direct ? direct : evidence;
	struct attic_evidence *other = is_direct ? evidence : direct;
	CLEANUP_STRBUF struct strbuf way = STRBUF_INIT(sizeof(kept->other_way) - 1);

	attic_way_describe(other, &way);
	keep(kept->other_way, sizeof(kept->other_way), way.data);
	attic_config_release(&other->config);
	*evidence = *kept;
}

void attic_way_collect(struct attic_session *session, const struct url *url,
		       struct channel *channel, struct attic_evidence *evidence)
{
	struct attic_evidence direct;
	struct error why = {0};
	bool is_unusable = proxy_for(session->context, url, &session->proxy, &why) < 0;

	session->end_us = target_end_us(TARGET_BUDGET_MS);
	session->target.url = url;
	session->connection = http_open();
	if (!is_unusable && !session->proxy.text) {
		try_way(session, NULL, session->end_us, channel, evidence);
		return;
	}
	evidence->proxy = is_unusable ? "" : session->proxy.shown;
	direct = *evidence;
	direct.is_direct = true;
	if (is_unusable)
		keep(evidence->proxy_problem, sizeof(evidence->proxy_problem), why.message);
	else
		try_way(session, &session->proxy, target_end_us(PROXY_BUDGET_MS), channel,
			evidence);
	if (attic_spoke(evidence))
		return;
	try_way(session, NULL, session->end_us, channel, &direct);
	choose(evidence, &direct, url->host);
	if (evidence->is_direct && attic_spoke(evidence))
		session->exception = no_proxy_entry(url->host);
}
