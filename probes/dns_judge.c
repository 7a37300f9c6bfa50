/* SPDX-License-Identifier: Zlib */
/* What the answers to a host name mean. Pure. */
#include <string.h>

#include "agent/cleanup.h"
#include "agent/finding.h"
#include "agent/strbuf.h"
#include "agent/text.h"
#include "probes/dns.h"

#define CLUSTER_DOMAIN "cluster.local"
#define SLOW_US 200000 /* a look-up in a cluster takes less than one millisecond */
#define MAX_DETAIL 512u

bool dns_has_cluster_search(const struct resolver *resolver)
{
	for (size_t i = 0; i < resolver->search_count; i++)
		if (text_starts_with(resolver->search[i], "svc.") ||
		    text_ends_with(resolver->search[i], "svc." CLUSTER_DOMAIN))
			return true;
	return false;
}

static void note(struct findings *findings, const struct dns_evidence *evidence, enum finding_id id,
		 const struct strbuf *detail)
{
	(void)findings_add(findings, id, "dns", evidence->host, detail->data);
}

static void describe(const struct resolve_answer *answer, struct strbuf *out)
{
	strbuf_printf(out, "%s: ", answer->queried);
	for (size_t i = 0; i < answer->address_count; i++)
		strbuf_printf(out, "%s%s", i ? ", " : "", answer->addresses[i]);
	if (!answer->address_count)
		strbuf_puts(out, resolve_outcome_text(answer->outcome));
	if (answer->outcome == RESOLVE_OTHER_RCODE)
		strbuf_printf(out, " %u", answer->rcode);
	if (answer->is_from_hosts_file)
		strbuf_puts(out, " from the hosts file");
	else if (*answer->server)
		strbuf_printf(out, "%s %s, %lld.%lld ms, %u %s",
			      answer->address_count ? " from" : ", asked", answer->server,
			      (long long)(answer->took_us / 1000),
			      (long long)(answer->took_us % 1000 / 100), answer->packets,
			      answer->packets == 1 ? "query" : "queries");
	if (answer->was_truncated)
		strbuf_puts(out, ", asked again over TCP");
}

/* ---- a name that resolves */

static bool has_common_address(const struct resolve_answer *a, const struct resolve_answer *b)
{
	for (size_t i = 0; i < a->address_count; i++)
		for (size_t j = 0; j < b->address_count; j++)
			if (strcmp(a->addresses[i], b->addresses[j]) == 0)
				return true;
	return false;
}

static void judge_hosts_file(const struct dns_evidence *evidence, struct findings *findings)
{
	CLEANUP_STRBUF struct strbuf detail = STRBUF_INIT(MAX_DETAIL);
	bool is_override = evidence->has_dns_answer && evidence->by_dns.outcome == RESOLVE_OK &&
			   !has_common_address(&evidence->answer, &evidence->by_dns);

	describe(&evidence->answer, &detail);
	if (evidence->has_dns_answer) {
		strbuf_puts(&detail, "; DNS says ");
		describe(&evidence->by_dns, &detail);
	}
	note(findings, evidence, is_override ? FINDING_DNS_HOSTS_OVERRIDE : FINDING_DNS_HOSTS_FILE,
	     &detail);
}

static void judge_success(const struct dns_evidence *evidence, struct findings *findings)
{
	CLEANUP_STRBUF struct strbuf detail = STRBUF_INIT(MAX_DETAIL);

	describe(&evidence->answer, &detail);
	note(findings, evidence, FINDING_DNS_READY, &detail);
	if (evidence->answer.is_from_hosts_file)
		judge_hosts_file(evidence, findings);
	if (evidence->answer.took_us >= SLOW_US)
		note(findings, evidence, FINDING_DNS_SLOW, &detail);
	if (evidence->answer.is_from_search_list && evidence->is_full_name)
		note(findings, evidence, FINDING_DNS_SEARCH_SURPRISE, &detail);
	if (evidence->has_rival && !has_common_address(&evidence->answer, &evidence->rival)) {
		strbuf_puts(&detail, "; but ");
		describe(&evidence->rival, &detail);
		note(findings, evidence, FINDING_DNS_SEARCH_SURPRISE, &detail);
	}
}

/* ---- a name that does not */

static enum finding_id failure_id(enum resolve_outcome outcome)
{
	static const enum finding_id ids[] = {
		[RESOLVE_OK] = FINDING_DNS_READY,
		[RESOLVE_NXDOMAIN] = FINDING_DNS_NXDOMAIN,
		[RESOLVE_NODATA] = FINDING_DNS_NODATA,
		[RESOLVE_SERVFAIL] = FINDING_DNS_SERVFAIL,
		[RESOLVE_REFUSED] = FINDING_DNS_REFUSED,
		[RESOLVE_OTHER_RCODE] = FINDING_DNS_OTHER_RCODE,
		[RESOLVE_TIMEOUT] = FINDING_DNS_TIMEOUT,
		[RESOLVE_UNREACHABLE] = FINDING_DNS_UNREACHABLE,
		[RESOLVE_MALFORMED] = FINDING_DNS_MALFORMED,
		[RESOLVE_TRUNCATED] = FINDING_DNS_TRUNCATED,
		[RESOLVE_NO_SERVER] = FINDING_DNS_NO_SERVER,
		[RESOLVE_BAD_NAME] = FINDING_DNS_BAD_NAME,
	};

	return ids[outcome];
}

/* The server spoke of the name itself, so that DNS as such works; or none was asked. */
static bool is_no_fault_of_dns(enum resolve_outcome outcome)
{
	return outcome == RESOLVE_NXDOMAIN || outcome == RESOLVE_NODATA ||
	       outcome == RESOLVE_BAD_NAME || outcome == RESOLVE_NO_SERVER;
}

static void judge_failure(const struct dns_evidence *evidence, struct findings *findings)
{
	CLEANUP_STRBUF struct strbuf detail = STRBUF_INIT(MAX_DETAIL);
	enum resolve_outcome outcome = evidence->answer.outcome;
	bool is_cluster_name = text_ends_with(evidence->host, "." CLUSTER_DOMAIN) ||
			       text_ends_with(evidence->host, "." CLUSTER_DOMAIN ".");
	enum finding_id id = failure_id(outcome);

	describe(&evidence->answer, &detail);
	if (is_cluster_name && outcome == RESOLVE_NXDOMAIN && !evidence->has_cluster_search)
		id = evidence->is_pod ? FINDING_DNS_NOT_CLUSTER_DNS : FINDING_DNS_OUTSIDE_CLUSTER;
	note(findings, evidence, id, &detail);
	if (is_cluster_name && !is_no_fault_of_dns(outcome) &&
	    (evidence->is_pod || evidence->has_cluster_search))
		note(findings, evidence, FINDING_DNS_CLUSTER_BROKEN, &detail);
}

void dns_judge(const struct dns_evidence *evidence, struct findings *findings)
{
	if (evidence->answer.outcome == RESOLVE_OK)
		judge_success(evidence, findings);
	else
		judge_failure(evidence, findings);
}
