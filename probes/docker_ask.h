/* SPDX-License-Identifier: Zlib */
/* One place asked once: /_ping, then /version. Known to docker_collect.c alone. */
#pragma once

#include <stddef.h>

#include "agent/ca_search.h"
#include "agent/resolve.h"
#include "agent/strbuf.h"
#include "probes/docker.h"

/* What all questions share. */
struct docker_asker {
	const struct job *job;
	struct channel *channel;
	struct resolver resolver;
	struct ca_search ca;
	struct strbuf certificate, key; /* PEM text of the client's own, where there is one */
};

/* Reads what FIRST needs: the resolver's files for TCP, the certificates for TLS. Why those cannot be
 * read goes into PROBLEM. docker_asker_close is owed in any case. */
void docker_asker_open(struct docker_asker *asker, const struct docker_host *first, char *problem,
		       size_t size);
void docker_asker_close(struct docker_asker *asker);

/* Asks HOST within BUDGET_MS and fills ANSWER, whose count of tries goes on. */
void docker_ask(struct docker_asker *asker, const struct docker_host *host, unsigned int budget_ms,
		struct docker_answer *answer);
