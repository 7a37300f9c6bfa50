/* SPDX-License-Identifier: Zlib */
/* Whether the image's Docker client and the daemon have a version of the API in common. */
#include "agent/docker_client.h"

#include <stdlib.h>

#include "agent/fact_names.h"
#include "agent/facts.h"
#include "agent/finding.h"

/* The newest minor version of the API 1 that a client speaks, by the first number of its own version
 * (Docker Engine API, version matrix): 0 where that is not known. Later ones speak what any daemon of
 * today demands. */
static long newest_minor(long major)
{
	static const unsigned char minors[] = {
		[18] = 39, [19] = 40, [20] = 41, [23] = 42,
		[24] = 43, [25] = 44, [26] = 45, [27] = 47,
	};

	return major >= 0 && major < (long)sizeof(minors) ? minors[major] : 0;
}

void docker_client_judge(const struct facts *facts, struct findings *findings)
{
	const char *client = facts_string(facts, FACT_DOCKER_VERSION);
	const char *oldest = facts_string(facts, FACT_DOCKER_OLDEST_API);
	long minor = client ? newest_minor(strtol(client, NULL, 10)) : 0;
	char *rest;

	if (!minor || !oldest || strtol(oldest, &rest, 10) != 1 || *rest != '.' ||
	    strtol(rest + 1, NULL, 10) <= minor)
		return;
	findings_note(
		findings, FINDING_DOCKER_CLIENT_OLD, "Docker's client",
		"docker %s speaks the API up to 1.%ld, and the daemon accepts none older than "
		"%s",
		client, minor, oldest);
}
