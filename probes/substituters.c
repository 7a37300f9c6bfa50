/* SPDX-License-Identifier: Zlib */
/* The other binary caches that Nix's configuration lists: each one that does not answer stalls every
 * nix command, so each is asked for its nix-cache-info. */
#include "probes/substituters.h"

#include <string.h>

#include "agent/ca_search.h"
#include "agent/cleanup.h"
#include "agent/endpoint_connect.h"
#include "agent/error.h"
#include "agent/fact_names.h"
#include "agent/job.h"
#include "agent/mem.h"
#include "agent/nix_caches.h"
#include "agent/nix_conf.h"
#include "agent/proxy.h"
#include "agent/strbuf.h"
#include "agent/text.h"
#include "agent/words.h"
#include "probes/probe.h"

#define MAX_ASKED 8u
#define MAX_BODY_BYTES 16384u
#define MAX_DETAIL_BYTES 400u

extern const struct probe probe_substituters;

static void plan(const struct job *job, struct plan *plan)
{
	if ((job->required | job->lane.promises) & (LANE_NIX | LANE_ATTIC))
		plan_add(plan, &(struct plan_entry){
				       .probe = &probe_substituters,
				       .name = "substituters",
				       .subject = "",
				       .kind = TASK_CACHE,
				       .why = "a dead cache in Nix's own list stalls every command",
				       .deadline_ms = TARGET_DEADLINE_MS,
			       });
}

/* ---- judge */

/* The value of "NAME: value" on a line of its own, or NULL; the caller frees. */
static char *find_value(const char *text, const char *name)
{
	size_t length = strlen(name);

	while (*text) {
		size_t line = strcspn(text, "\n");

		if (line > length && strncmp(text, name, length) == 0 && text[length] == ':') {
			const char *value = text + length + 1;

			value += strspn(value, " \t");
			return mem_strndup(value, strcspn(value, " \t\r\n"));
		}
		text += line + (text[line] == '\n');
	}
	return NULL;
}

static enum substituter_state judge_body(const char *body)
{
	CLEANUP_FREE char *store = find_value(body, "StoreDir");
	CLEANUP_FREE char *priority = find_value(body, "Priority");
	CLEANUP_FREE char *mass_query = find_value(body, "WantMassQuery");

	if (store)
		return strcmp(store, "/nix/store") == 0 ? SUBSTITUTER_GOOD : SUBSTITUTER_STORE_DIR;
	return priority || mass_query ? SUBSTITUTER_GOOD : SUBSTITUTER_NOT_CACHE;
}

/* Whether a failure says more of us than of the server. */
static bool is_inconclusive(enum http_failure failure)
{
	return failure == HTTP_NO_CA || failure == HTTP_TLS_UNTRUSTED || failure == HTTP_INTERNAL ||
	       failure == HTTP_TLS_CLIENT_CERTIFICATE;
}

enum substituter_state substituter_judge(const struct http_response *response)
{
	if (response->failure != HTTP_OK)
		return is_inconclusive(response->failure) ? SUBSTITUTER_UNKNOWN : SUBSTITUTER_DEAD;
	if (response->status == 200)
		return judge_body(response->body.data);
	if (response->status == 401 || response->status == 403)
		return SUBSTITUTER_NO_ACCESS;
	if (response->status == 404 || response->status == 410)
		return SUBSTITUTER_NOT_CACHE;
	return response->status >= 500 ? SUBSTITUTER_DEAD : SUBSTITUTER_UNKNOWN;
}

void substituters_listed(const struct nix_conf *conf, const char *own, struct words *ret)
{
	CLEANUP_WORDS struct words all = {0};

	nix_conf_list(conf, "substituters", NIX_CONF_ENVIRONMENT, "", &all);
	for (size_t i = 0; i < all.count; i++) {
		const char *url = all.items[i];
		bool is_http =
			text_starts_with(url, "http://") || text_starts_with(url, "https://");

		if (is_http && !words_contain(ret, url) && !(own && nix_caches_is_same(url, own)))
			words_add(ret, url);
	}
}

/* ---- collect */

struct round {
	struct channel *channel;
	const struct context *context;
	struct resolver resolver;
	struct ca_search ca;
	bool has_looked_for_ca;
	int64_t end_us;
	struct words dead; /* as listed, without credentials */
	unsigned int good, bad, unchecked;
};

static void round_release(struct round *round)
{
	resolver_release(&round->resolver);
	if (round->has_looked_for_ca)
		ca_search_release(&round->ca);
	words_release(&round->dead);
}

static const struct ca_search *ca_for(struct round *round, const struct target *target)
{
	if (!target_is_tls(target))
		return NULL;
	if (!round->has_looked_for_ca)
		(void)ca_search_find(round->context, NULL, &round->ca);
	round->has_looked_for_ca = true;
	return &round->ca;
}

static void ask(struct round *round, struct target *target, struct http_response *response)
{
	CLEANUP_FREE char *asked =
		mem_format("%s%s/nix-cache-info", target->origin, target->url->path);
	struct http_connection *connection = http_open();

	do {
		struct http_request request = {
			.url = asked,
			.user = target->url->user,
			.password = target->url->password,
			.ca = ca_for(round, target),
			.max_body_bytes = MAX_BODY_BYTES,
		};

		http_response_release(response);
		target_prepare(target, &request);
		http_perform(connection, &request, response);
	} while (target_retries(target, response->failure));
	http_close(connection);
}

/* PROXY NULL: directly. */
static enum substituter_state ask_by(struct round *round, const struct url *url,
				     const struct proxy *proxy, int64_t end_us,
				     struct strbuf *detail)
{
	CLEANUP(http_response_release) struct http_response response = {0};
	CLEANUP(target_close) struct target target = {0};

	channel_phase(round->channel, "resolve a listed cache");
	target_open_through(&target, &round->resolver, url, proxy, end_us);
	if (target.answer.outcome != RESOLVE_OK) {
		target_describe_resolve(&target, detail);
		return SUBSTITUTER_DEAD;
	}
	channel_phase(round->channel, "ask a listed cache");
	ask(round, &target, &response);
	if (response.failure != HTTP_OK)
		target_describe_failure(&target, &response, detail);
	else
		strbuf_printf(detail, "nix-cache-info%s%s: HTTP status %ld",
			      proxy ? " through the proxy " : "", proxy ? proxy->shown : "",
			      response.status);
	return substituter_judge(&response);
}

/* As Nix goes in the job's environment. Where that is no good, only what the direct way says too is
 * held against the cache: the daemon may know nothing of the job's proxy. */
static enum substituter_state ask_one(struct round *round, const struct url *url, int64_t end_us,
				      struct strbuf *detail)
{
	CLEANUP(proxy_release) struct proxy proxy = {0};
	enum substituter_state proxied = SUBSTITUTER_UNKNOWN, direct;
	struct error why = {0};
	int64_t now_us = target_end_us(0);

	if (proxy_for(round->context, url, &proxy, &why) < 0)
		strbuf_puts(detail, why.message);
	else if (!proxy.text)
		return ask_by(round, url, NULL, end_us, detail);
	else
		proxied = ask_by(round, url, &proxy, now_us + (end_us - now_us) / 2, detail);
	if (proxied == SUBSTITUTER_GOOD)
		return proxied;
	strbuf_puts(detail, "; directly: ");
	direct = ask_by(round, url, NULL, end_us, detail);
	return direct == proxied ? proxied : SUBSTITUTER_UNKNOWN;
}

static void report(struct round *round, const char *shown, enum substituter_state state,
		   const char *detail)
{
	static const enum finding_id ids[] = {
		[SUBSTITUTER_GOOD] = FINDING_SUBSTITUTERS_READY,
		[SUBSTITUTER_DEAD] = FINDING_SUBSTITUTER_DEAD,
		[SUBSTITUTER_NOT_CACHE] = FINDING_SUBSTITUTER_NOT_CACHE,
		[SUBSTITUTER_STORE_DIR] = FINDING_SUBSTITUTER_STORE_DIR,
		[SUBSTITUTER_NO_ACCESS] = FINDING_SUBSTITUTER_NO_ACCESS,
		[SUBSTITUTER_UNKNOWN] = FINDING_SUBSTITUTERS_UNCHECKED,
	};

	if (state == SUBSTITUTER_GOOD) {
		round->good++;
		return;
	}
	if (state == SUBSTITUTER_UNKNOWN)
		round->unchecked++;
	else
		round->bad++;
	channel_finding(round->channel, ids[state], shown, NULL, "%s", detail);
	if (state == SUBSTITUTER_DEAD || state == SUBSTITUTER_NOT_CACHE ||
	    state == SUBSTITUTER_STORE_DIR)
		words_add(&round->dead, shown);
}

/* Each gets its part of the time that is left, so that one black hole hides no other. */
static void ask_all(struct round *round, const struct words *listed)
{
	size_t count = listed->count < MAX_ASKED ? listed->count : MAX_ASKED;

	for (size_t i = 0; i < count; i++) {
		CLEANUP_STRBUF struct strbuf detail = STRBUF_INIT(MAX_DETAIL_BYTES);
		CLEANUP_STRBUF struct strbuf shown = STRBUF_INIT(MAX_DETAIL_BYTES);
		CLEANUP_FREE char *plain =
			mem_strndup(listed->items[i], strcspn(listed->items[i], "?"));
		CLEANUP(url_release) struct url url = {0};
		int64_t now_us = target_end_us(0);
		enum substituter_state state = SUBSTITUTER_UNKNOWN;

		text_redact_urls(&shown, listed->items[i]);
		if (url_parse(plain, &url, NULL) < 0)
			strbuf_puts(&detail, "not a URL that could be asked");
		else
			state = ask_one(round, &url,
					now_us + (round->end_us - now_us) / (int64_t)(count - i),
					&detail);
		report(round, shown.data, state, detail.data);
	}
	if (listed->count > count)
		channel_finding(round->channel, FINDING_SUBSTITUTERS_UNCHECKED, "substituters",
				NULL, "%zu of %zu were asked", count, listed->count);
}

static void conclude(struct round *round, size_t listed)
{
	CLEANUP_FREE char *dead = words_join(&round->dead, '\n');

	channel_integer(round->channel, "substituters.listed", (int64_t)listed);
	if (round->dead.count > 0)
		channel_list(round->channel, FACT_DEAD_SUBSTITUTERS, dead);
	if (round->bad == 0 && round->unchecked == 0)
		channel_finding(round->channel, FINDING_SUBSTITUTERS_READY, "substituters", NULL,
				listed ? "%u listed, and all answer" : "none is listed",
				round->good);
}

/* What is out of contract will be left out, whether it answers or not. */
static void list_askable(const struct job *job, const struct nix_conf *conf, const char *own,
			 struct words *ret)
{
	CLEANUP_WORDS struct words listed = {0};

	substituters_listed(conf, own, &listed);
	for (size_t i = 0; i < listed.count; i++)
		if (!nix_caches_forbidden(&job->contract, listed.items[i]))
			words_add(ret, listed.items[i]);
}

static void run(const struct job *job, const struct task *task, struct channel *channel)
{
	const struct endpoint *attic = &job->endpoints.attic;
	const struct nix_conf_reader reader = nix_conf_reader_of(&job->context.root);
	CLEANUP(nix_conf_release) struct nix_conf conf = {0};
	CLEANUP_WORDS struct words listed = {0};
	CLEANUP_FREE char *own = NULL;
	CLEANUP(round_release)
	struct round round = {
		.channel = channel,
		.context = &job->context,
		.end_us = target_end_us(TARGET_BUDGET_MS),
	};

	(void)task;
	channel_phase(channel, "read Nix's configuration");
	nix_conf_read(&conf, &reader, &job->context);
	if (attic->url && attic->cache)
		own = mem_format("%s/%s", attic->url, attic->cache);
	list_askable(job, &conf, own, &listed);
	if (listed.count > 0)
		resolver_read(&round.resolver, &job->context.root);
	ask_all(&round, &listed);
	conclude(&round, listed.count);
}

const struct probe probe_substituters = {
	.name = "substituters",
	.summary = "the other binary caches that Nix's configuration lists: each one answers",
	.sandbox = SANDBOX_NETWORK,
	.plan = plan,
	.run = run,
};
