/* SPDX-License-Identifier: Zlib */
/* Name resolution of the endpoints' hosts, as resolv.conf and the hosts file have it. */
#include "probes/dns.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "agent/cleanup.h"
#include "agent/endpoint_connect.h"
#include "agent/endpoint_host.h"
#include "agent/mem.h"
#include "agent/proxy.h"
#include "agent/strbuf.h"
#include "agent/url.h"
#include "probes/probe.h"

/* What lies beside the answer itself may take so long in all. */
#define EXTRA_MS 300u
#define MAX_KEY_HOST 48u

extern const struct probe probe_dns;

/* ---- plan */

/* The host of an endpoint's URL; NULL for an address, or where there is none. The caller frees. */
static char *host_of(const struct endpoint *endpoint)
{
	CLEANUP(url_release) struct url url = {0};
	CLEANUP_FREE char *text = NULL;

	if (!endpoint->url)
		return NULL;
	text = mem_format("%s%s", strstr(endpoint->url, "://") ? "" : "grpcs://", endpoint->url);
	if (url_parse(text, &url, NULL) < 0 || url.is_ip_address || !*url.host)
		return NULL;
	return mem_strdup(url.host);
}

/* Behind a proxy it is the proxy that resolves a public name; one of the cluster's is asked for all the
 * same, for the direct way. Bazel knows no proxies. */
static bool is_attic_left_to_proxy(const struct job *job)
{
	CLEANUP(url_release) struct url url = {0};
	CLEANUP(proxy_release) struct proxy proxy = {0};

	return url_parse(job->endpoints.attic.url, &url, NULL) == 0 &&
	       !endpoint_host_is_private(url.host) &&
	       proxy_for(&job->context, &url, &proxy, NULL) == 0 && proxy.text;
}

static void add_task(struct plan *plan, const char *host, const char *why)
{
	CLEANUP_FREE char *name = mem_format("dns:%s", host);

	plan_add(plan, &(struct plan_entry){
			       .probe = &probe_dns,
			       .name = name,
			       .subject = host,
			       .kind = TASK_ADVICE,
			       .why = why,
			       .deadline_ms = TARGET_DEADLINE_MS,
		       });
}

static void plan(const struct job *job, struct plan *plan)
{
	CLEANUP_FREE char *attic = host_of(&job->endpoints.attic);
	CLEANUP_FREE char *bazel = host_of(&job->endpoints.bazel);

	if (attic && !is_attic_left_to_proxy(job))
		add_task(plan, attic, "host of the Attic cache");
	if (bazel && (!attic || strcmp(attic, bazel) != 0))
		add_task(plan, bazel, "host of the Bazel cache");
}

/* ---- collect */

/* DNS alone, where the hosts file has the last word. */
static void collect_by_dns(const struct resolver *resolver, struct dns_evidence *evidence)
{
	struct resolver without = *resolver;

	without.hosts = NULL;
	if (!resolver->server_count)
		return;
	evidence->has_dns_answer = true;
	resolve_host(&without, evidence->host, EXTRA_MS, &evidence->by_dns);
}

/* What the C libraries do, and the agent does not: the search domains come first while the name has
 * fewer dots than ndots. */
static void collect_rival(const struct resolver *resolver, struct dns_evidence *evidence)
{
	int64_t end_us = target_end_us(EXTRA_MS);
	struct resolver as_libc = *resolver;
	char name[512];

	as_libc.hosts = NULL;
	for (size_t i = 0; i < resolver->search_count && !evidence->has_rival; i++) {
		struct target clock = {.end_us = end_us};

		(void)snprintf(name, sizeof(name), "%s.%s.", evidence->host, resolver->search[i]);
		resolve_host(&as_libc, name, target_left_ms(&clock), &evidence->rival);
		evidence->has_rival = evidence->rival.outcome == RESOLVE_OK;
	}
}

static bool is_searched_first(const struct resolver *resolver, const char *host)
{
	unsigned int dots = 0;

	for (const char *c = host; *c; c++)
		dots += *c == '.';
	return dots < resolver->ndots && resolve_is_full_name(resolver, host) &&
	       host[strlen(host) - 1] != '.';
}

static void collect(const struct resolver *resolver, struct channel *channel,
		    struct dns_evidence *evidence)
{
	const struct resolve_answer *answer = &evidence->answer;

	channel_phase(channel, "resolve");
	resolve_host(resolver, evidence->host, TARGET_BUDGET_MS, &evidence->answer);
	if (answer->outcome != RESOLVE_OK)
		return;
	channel_phase(channel, "compare with hosts file and search list");
	if (answer->is_from_hosts_file)
		collect_by_dns(resolver, evidence);
	else if (is_searched_first(resolver, evidence->host))
		collect_rival(resolver, evidence);
}

/* ---- report */

/* "dns.host.attic_nix-cache_svc.queries": a key has no room for more dots. */
static char *key_of(const char *host, const char *leaf)
{
	char name[MAX_KEY_HOST + 1] = "";

	for (size_t i = 0; i < MAX_KEY_HOST && host[i]; i++)
		name[i] = isalnum((unsigned char)host[i]) || host[i] == '-'
				  ? (char)tolower((unsigned char)host[i])
				  : '_';
	return mem_format("dns.host.%s.%s", *name ? name : "_", leaf);
}

static void report_number(struct channel *channel, const char *host, const char *leaf,
			  int64_t number)
{
	CLEANUP_FREE char *key = key_of(host, leaf);

	channel_integer(channel, key, number);
}

static void report_text(struct channel *channel, const char *host, const char *leaf,
			const char *text)
{
	CLEANUP_FREE char *key = key_of(host, leaf);

	if (*text)
		channel_string(channel, key, text);
}

static void report_list(struct channel *channel, const char *key, const char *items, size_t count,
			size_t size)
{
	CLEANUP_STRBUF struct strbuf list = STRBUF_INIT(8192);

	for (size_t i = 0; i < count; i++)
		strbuf_printf(&list, "%s%s", i ? "\n" : "", items + i * size);
	channel_list(channel, key, list.data);
}

static void report_resolver(struct channel *channel, const struct resolver *resolver)
{
	channel_boolean(channel, "dns.has_resolv_conf", resolver->is_file_present);
	report_list(channel, "dns.nameservers", resolver->servers[0], resolver->server_count,
		    sizeof(resolver->servers[0]));
	report_list(channel, "dns.search", resolver->search[0], resolver->search_count,
		    sizeof(resolver->search[0]));
	channel_integer(channel, "dns.ndots", resolver->ndots);
}

static void report_answer(struct channel *channel, const struct dns_evidence *evidence)
{
	const struct resolve_answer *answer = &evidence->answer;
	CLEANUP_FREE char *addresses = key_of(evidence->host, "addresses");

	report_text(channel, evidence->host, "outcome", resolve_outcome_name(answer->outcome));
	report_text(channel, evidence->host, "source",
		    answer->is_from_hosts_file ? "hosts file" : answer->server);
	report_text(channel, evidence->host, "queried", answer->queried);
	report_number(channel, evidence->host, "queries", answer->packets);
	report_number(channel, evidence->host, "took_us", answer->took_us);
	if (answer->address_count)
		report_list(channel, addresses, answer->addresses[0], answer->address_count,
			    sizeof(answer->addresses[0]));
}

static void run(const struct job *job, const struct task *task, struct channel *channel)
{
	CLEANUP(resolver_release) struct resolver resolver = {0};
	CLEANUP(findings_release) struct findings findings = {0};
	struct dns_evidence evidence = {
		.host = task->subject,
		.is_pod = job->context.is_in_cluster,
	};

	resolver_read(&resolver, &job->context.root);
	evidence.is_full_name = resolve_is_full_name(&resolver, evidence.host);
	evidence.has_cluster_search = dns_has_cluster_search(&resolver);
	collect(&resolver, channel, &evidence);
	dns_judge(&evidence, &findings);
	report_resolver(channel, &resolver);
	report_answer(channel, &evidence);
	for (size_t i = 0; i < findings.count; i++)
		channel_finding(channel, findings.items[i].id, evidence.host, NULL, "%s",
				findings.items[i].detail);
}

const struct probe probe_dns = {
	.name = "dns",
	.summary = "the endpoints' host names: resolved with the server's own response code",
	.argument = "[HOST]",
	.sandbox = SANDBOX_NETWORK,
	.plan = plan,
	.run = run,
};
