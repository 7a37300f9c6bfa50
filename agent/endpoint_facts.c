/* SPDX-License-Identifier: Zlib */
/* A probe's process reads what strangers send. What it says of its endpoint must be what it was told:
 * else whoever took it over could name another server, and a key of his own, to the next steps. */
#include <string.h>

#include "agent/cleanup.h"
#include "agent/endpoint.h"
#include "agent/fact_names.h"
#include "agent/facts.h"

static void check(struct facts *facts, const char *name, const char *told,
		  struct findings *findings)
{
	const char *said = facts_string(facts, name);

	if (!said || (told && strcmp(said, told) == 0))
		return;
	findings_note(findings, FINDING_ENVIRONMENT_VALUE_REFUSED, name,
		      "%s: the probe named another value than the one that it was given", name);
	facts_forget(facts, name);
}

void endpoints_check_facts(const struct endpoints *endpoints, struct facts *facts,
			   struct findings *findings)
{
	CLEANUP_FREE char *attic = endpoint_display(&endpoints->attic);
	CLEANUP_FREE char *bazel = endpoint_display(&endpoints->bazel);

	check(facts, FACT_ATTIC_URL, attic, findings);
	check(facts, FACT_ATTIC_CACHE, endpoints->attic.cache, findings);
	check(facts, FACT_ATTIC_KEY, endpoints->attic.public_key, findings);
	check(facts, FACT_BAZEL_URL, bazel, findings);
}
