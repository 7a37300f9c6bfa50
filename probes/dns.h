/* SPDX-License-Identifier: Zlib */
/* The dns probe's own parts: what was collected, and who judges it. */
#pragma once

#include <stdbool.h>

#include "agent/resolve.h"

struct findings;

struct dns_evidence {
	const char *host;
	bool is_pod;                  /* the context says that this machine is in a cluster */
	bool is_full_name;            /* asked as it is before the search list */
	bool has_cluster_search;      /* resolv.conf has the cluster's search domains */
	struct resolve_answer answer; /* as the agent resolves, and the next steps will */
	bool has_dns_answer; /* the hosts file decided; by_dns is what DNS alone would say */
	struct resolve_answer by_dns;
	bool has_rival; /* a search domain gives the full name another address */
	struct resolve_answer rival;
};

/* Whether a machine with these search domains uses a cluster's DNS. */
bool dns_has_cluster_search(const struct resolver *resolver);

/* Judges (dns_judge.c); pure. Adds findings about evidence->host. */
void dns_judge(const struct dns_evidence *evidence, struct findings *findings);
