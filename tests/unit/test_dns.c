/* SPDX-License-Identifier: Zlib */
/* The dns probe: every outcome is a finding of its own, in a cluster and outside. */
#include <stdio.h>
#include <string.h>

#include "agent/finding.h"
#include "agent/options.h"
#include "agent/strbuf.h"
#include "probes/dns.h"
#include "probes/probe.h"
#include "tests/unit/check.h"

#define CLUSTER "attic.nix-cache.svc.cluster.local"
#define OTHER "cache.example.org"

extern const struct probe probe_dns;

enum place { OUTSIDE, POD, POD_WITH_NODE_DNS };

static const struct failure_case {
	enum resolve_outcome outcome;
	enum place place;
	const char *host, *findings;
} failure_cases[] = {
	{RESOLVE_NXDOMAIN, OUTSIDE, CLUSTER, "dns-outside-cluster"},
	{RESOLVE_NXDOMAIN, POD, CLUSTER, "dns-nxdomain"},
	{RESOLVE_NXDOMAIN, POD_WITH_NODE_DNS, CLUSTER, "dns-not-cluster-dns"},
	{RESOLVE_NXDOMAIN, OUTSIDE, OTHER, "dns-nxdomain"},
	{RESOLVE_NXDOMAIN, POD_WITH_NODE_DNS, OTHER, "dns-nxdomain"},
	{RESOLVE_NODATA, POD, CLUSTER, "dns-nodata"},
	{RESOLVE_SERVFAIL, OUTSIDE, CLUSTER, "dns-servfail"},
	{RESOLVE_SERVFAIL, POD, CLUSTER, "dns-servfail dns-cluster-broken"},
	{RESOLVE_SERVFAIL, POD, OTHER, "dns-servfail"},
	{RESOLVE_REFUSED, POD, CLUSTER, "dns-refused dns-cluster-broken"},
	{RESOLVE_OTHER_RCODE, POD, CLUSTER, "dns-other-rcode dns-cluster-broken"},
	{RESOLVE_TIMEOUT, POD, CLUSTER, "dns-timeout dns-cluster-broken"},
	{RESOLVE_TIMEOUT, POD_WITH_NODE_DNS, CLUSTER, "dns-timeout dns-cluster-broken"},
	{RESOLVE_TIMEOUT, OUTSIDE, CLUSTER, "dns-timeout"},
	{RESOLVE_UNREACHABLE, POD, CLUSTER, "dns-unreachable dns-cluster-broken"},
	{RESOLVE_MALFORMED, POD, CLUSTER, "dns-malformed dns-cluster-broken"},
	{RESOLVE_TRUNCATED, POD, CLUSTER, "dns-truncated dns-cluster-broken"},
	{RESOLVE_NO_SERVER, OUTSIDE, CLUSTER, "dns-no-server"},
	{RESOLVE_NO_SERVER, POD, CLUSTER, "dns-no-server"},
	{RESOLVE_BAD_NAME, POD, "", "dns-bad-name"},
};

static void list_findings(const struct findings *findings, struct strbuf *out)
{
	for (size_t i = 0; i < findings->count; i++)
		strbuf_printf(out, "%s%s", i ? " " : "", finding_kind(findings->items[i].id)->id);
}

static void check_findings(const struct dns_evidence *evidence, const char *wanted)
{
	struct findings findings = {0};
	struct strbuf list = STRBUF_INIT(1024);

	dns_judge(evidence, &findings);
	list_findings(&findings, &list);
	if (strcmp(list.data, wanted) != 0)
		fail_msg("%s, %s: %s instead of %s", evidence->host,
			 resolve_outcome_name(evidence->answer.outcome), list.data, wanted);
	for (size_t i = 0; i < findings.count; i++)
		assert_string_equal(findings.items[i].subject, evidence->host);
	findings_release(&findings);
	strbuf_release(&list);
}

static void judges_failures(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(failure_cases); i++) {
		const struct failure_case *wanted = &failure_cases[i];
		const struct dns_evidence evidence = {
			.host = wanted->host,
			.is_pod = wanted->place != OUTSIDE,
			.has_cluster_search = wanted->place == POD,
			.is_full_name = true,
			.answer = {.outcome = wanted->outcome, .server = "10.43.0.10"},
		};

		check_findings(&evidence, wanted->findings);
	}
}

#define FOUND(address)                                                                             \
	{                                                                                          \
		.addresses = {address}, .address_count = 1, .queried = OTHER                       \
	}

static const struct success_case {
	struct dns_evidence evidence;
	const char *findings;
} success_cases[] = {
	{{.answer = FOUND("10.0.0.1")}, "dns-ready"},
	{{.answer = {.addresses = {"10.0.0.1"}, .address_count = 1, .took_us = 250000}},
	 "dns-ready dns-slow"},
	/* the hosts file */
	{{.answer = {.addresses = {"10.0.0.1"}, .address_count = 1, .is_from_hosts_file = true}},
	 "dns-ready dns-hosts-file"},
	{{.answer = {.addresses = {"10.0.0.1"}, .address_count = 1, .is_from_hosts_file = true},
	  .has_dns_answer = true,
	  .by_dns = FOUND("10.0.0.1")},
	 "dns-ready dns-hosts-file"},
	{{.answer = {.addresses = {"10.0.0.1"}, .address_count = 1, .is_from_hosts_file = true},
	  .has_dns_answer = true,
	  .by_dns = FOUND("10.0.0.2")},
	 "dns-ready dns-hosts-override"},
	{{.answer = {.addresses = {"10.0.0.1"}, .address_count = 1, .is_from_hosts_file = true},
	  .has_dns_answer = true,
	  .by_dns = {.outcome = RESOLVE_NXDOMAIN}},
	 "dns-ready dns-hosts-file"},
	/* the search list */
	{{.answer = FOUND("10.0.0.1"), .has_rival = true, .rival = FOUND("10.0.0.2")},
	 "dns-ready dns-search-surprise"},
	{{.answer = FOUND("10.0.0.1"), .has_rival = true, .rival = FOUND("10.0.0.1")}, "dns-ready"},
	{{.answer = {.addresses = {"10.0.0.1"}, .address_count = 1, .is_from_search_list = true},
	  .is_full_name = true},
	 "dns-ready dns-search-surprise"},
	{{.answer = {.addresses = {"10.0.0.1"}, .address_count = 1, .is_from_search_list = true}},
	 "dns-ready"},
};

static void judges_successes(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(success_cases); i++) {
		struct dns_evidence evidence = success_cases[i].evidence;

		evidence.host = OTHER;
		check_findings(&evidence, success_cases[i].findings);
	}
}

static void knows_cluster_search(void **state)
{
	static const struct {
		const char *conf;
		bool is_cluster;
	} cases[] = {
		{"search nix-cache.svc.cluster.local svc.cluster.local cluster.local", true},
		{"search svc.k8s.example", true},
		{"search example.org", false},
		{"search cluster.local", false},
		{"", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct resolver resolver = {0};

		resolver_parse(&resolver, cases[i].conf);
		assert_int_equal(dns_has_cluster_search(&resolver), cases[i].is_cluster);
	}
}

static void plans_hosts(void **state)
{
	static const struct {
		char *attic, *bazel;
		const char *names;
	} cases[] = {
		{"http://a.example", "grpc://b.example:9092", "dns:a.example dns:b.example"},
		{"http://a.example", "grpc://a.example:9092", "dns:a.example"},
		{NULL, "b.example:9092", "dns:b.example"},
		{"http://10.0.0.1", "grpc://[fd43::1]:1", ""},
		{"no url", "unix:/socket", ""},
		{NULL, NULL, ""},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct job job = {.endpoints = {.attic = {.url = cases[i].attic},
						      .bazel = {.url = cases[i].bazel}}};
		struct plan plan = {0};
		struct strbuf names = STRBUF_INIT(1024);

		probe_dns.plan(&job, &plan);
		for (size_t j = 0; j < plan.count; j++) {
			strbuf_printf(&names, "%s%s", j ? " " : "", plan.tasks[j].name);
			assert_int_equal(plan.tasks[j].kind, TASK_ADVICE);
		}
		assert_string_equal(names.data, cases[i].names);
		plan_release(&plan);
		strbuf_release(&names);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(judges_failures),
		cmocka_unit_test(judges_successes),
		cmocka_unit_test(knows_cluster_search),
		cmocka_unit_test(plans_hosts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
