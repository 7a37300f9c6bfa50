/* SPDX-License-Identifier: Zlib */
/* The variables of Docker's clients. */
#include "agent/docker_env.h"

#include <string.h>

#include "agent/environment.h"
#include "agent/fact_names.h"
#include "agent/facts.h"
#include "agent/finding.h"
#include "agent/job.h"
#include "agent/run.h"

#define SOURCE "probe docker"

/* Whoever took the probe's process over must not lead the next steps to a server of his own. */
static bool is_known(const char *host)
{
	return strcmp(host, "unix://" DOCKER_USUAL_SOCKET) == 0 ||
	       strcmp(host, "unix://" DOCKER_OTHER_SOCKET) == 0;
}

void docker_env_compose(struct environment *environment, const struct job *job,
			const struct run *run, struct findings *findings)
{
	static const char *const tls_names[] = {"DOCKER_TLS_VERIFY", "DOCKER_TLS"};
	const char *host = facts_string(&run->facts, FACT_DOCKER_WORKING_HOST);

	if (!host)
		return;
	if (!is_known(host)) {
		findings_note(findings, FINDING_ENVIRONMENT_VALUE_REFUSED, "DOCKER_HOST",
			      "the probe's value is none of the sockets that it may name");
		return;
	}
	environment_set(environment, "DOCKER_HOST", host, SOURCE);
	for (size_t i = 0; i < sizeof(tls_names) / sizeof(tls_names[0]); i++)
		if (context_env(&job->context, tls_names[i]))
			environment_set(environment, tls_names[i], "", SOURCE);
}
