/* SPDX-License-Identifier: Zlib */
/* The docker probe's first half: a daemon is asked at each place where one may be, and asked again while
 * it may still be starting (a sidecar starts beside the job). */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "agent/cleanup.h"
#include "agent/docker_env.h"
#include "agent/error.h"
#include "agent/job.h"
#include "agent/mem.h"
#include "agent/root.h"
#include "agent/run.h"
#include "agent/strbuf.h"
#include "probes/docker.h"
#include "probes/docker_ask.h"
#include "probes/probe.h"

#define PAUSE_MS 100        /* between two rounds */
#define MIN_ROUND_MS 500u   /* in less a round tells more of our haste than of the daemon */
#define MAX_DENIED_TRIES 2u /* a daemon gives its socket to the group only after making it */

struct round {
	struct docker_asker asker;
	struct docker_evidence *evidence;
	int64_t end_us;
};

static unsigned int left_ms(const struct round *round)
{
	int64_t left_us = round->end_us - run_clock_us();

	return left_us > 0 ? (unsigned int)(left_us / 1000) : 0;
}

/* ---- the places */

/* The path behind the links of its directory: /var/run is most often one to /run. */
static char *real_path(const struct root *root, const char *path)
{
	const char *name = strrchr(path, '/');
	CLEANUP_FREE char *directory = mem_strndup(path, (size_t)(name - path));
	CLEANUP_STRBUF struct strbuf real = STRBUF_INIT(4096);

	if (!*directory || root_resolve(root, directory, &real) < 0)
		return mem_strdup(path);
	return mem_format("%s%s", real.data, name);
}

static bool is_there(const struct docker_evidence *evidence, const struct root *root,
		     const char *path)
{
	CLEANUP_FREE char *real = real_path(root, path);

	for (size_t i = 0; i < evidence->count; i++) {
		const struct docker_host *host = &evidence->places[i].host;
		CLEANUP_FREE char *other = host->path ? real_path(root, host->path) : NULL;

		if (other && !host->is_tls && strcmp(other, real) == 0)
			return true;
	}
	return false;
}

static void add_usual_sockets(struct docker_evidence *evidence, const struct root *root)
{
	static const char *const paths[] = {DOCKER_USUAL_SOCKET, DOCKER_OTHER_SOCKET};

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		if (is_there(evidence, root, paths[i]))
			continue;
		evidence->places[evidence->count++].host = (struct docker_host){
			.way = DOCKER_WAY_SOCKET,
			.path = mem_strdup(paths[i]),
			.shown = mem_format("unix://%s", paths[i]),
		};
	}
}

/* The first place is where a client of this job goes, whether that leads anywhere or not. */
static void list_places(struct docker_evidence *evidence, const struct context *context)
{
	struct docker_place *first = &evidence->places[0];
	struct error why = {0};

	evidence->is_named = context_env(context, "DOCKER_HOST");
	evidence->is_unverified =
		context_env(context, "DOCKER_TLS") && !context_env(context, "DOCKER_TLS_VERIFY");
	evidence->count = 1;
	if (docker_host_parse(docker_host_of(context), docker_host_wants_tls(context), &first->host,
			      &why) < 0) {
		evidence->is_not_valid = true;
		first->host.shown = mem_strdup("DOCKER_HOST");
		(void)snprintf(evidence->problem, sizeof(evidence->problem), "%s", why.message);
	}
	if (first->host.way != DOCKER_WAY_SSH)
		add_usual_sockets(evidence, &context->root);
	evidence->working = evidence->count;
}

/* ---- asking them */

/* Where a daemon is starting, it looks like this. What answers wrongly stays as it is. */
static bool may_still_come(const struct docker_answer *answer)
{
	static const enum http_failure passing[] = {
		HTTP_REFUSED,          HTTP_UNREACHABLE, HTTP_CONNECT_TIMEOUT,
		HTTP_RESPONSE_TIMEOUT, HTTP_RESET,       HTTP_TRUNCATED,
	};

	if (answer->is_other_file)
		return false;
	if (answer->file_error == EACCES)
		return answer->tries < MAX_DENIED_TRIES;
	if (answer->file_error)
		return answer->file_error == ENOENT;
	for (size_t i = 0; i < sizeof(passing) / sizeof(passing[0]); i++)
		if (answer->failure == passing[i])
			return true;
	return false;
}

static bool can_be_asked(const struct docker_evidence *evidence, size_t index)
{
	return index > 0 || (!*evidence->problem && evidence->places[0].host.way != DOCKER_WAY_SSH);
}

/* Each place gets its part of the time, and what is left is for another round: a place that swallows
 * everything hides no other. */
static bool ask(struct round *round, size_t index, size_t shares)
{
	struct docker_place *place = &round->evidence->places[index];

	docker_ask(&round->asker, &place->host, left_ms(round) / (unsigned int)shares,
		   &place->answer);
	if (!docker_is_good(&place->answer))
		return false;
	round->evidence->working = index;
	return true;
}

/* Returns whether a daemon was found. */
static bool ask_all(struct round *round)
{
	struct docker_evidence *evidence = round->evidence;

	for (size_t i = 0; i < evidence->count && left_ms(round); i++) {
		if (!can_be_asked(evidence, i) || !ask(round, i, evidence->count - i + 1))
			continue;
		/* It may have come up between the two questions: the first place counts most. */
		if (i > 0 && can_be_asked(evidence, 0) &&
		    may_still_come(&evidence->places[0].answer) && left_ms(round))
			(void)ask(round, 0, 2);
		return true;
	}
	return false;
}

/* The first place alone decides: a usual socket beside it is nothing that anybody has promised. */
static bool is_worth_waiting(const struct docker_evidence *evidence)
{
	return can_be_asked(evidence, 0) && may_still_come(&evidence->places[0].answer);
}

void docker_collect(struct docker_evidence *ret, const struct job *job, unsigned int patience_ms,
		    struct channel *channel)
{
	int64_t begun_us = run_clock_us();
	struct round round = {
		.asker = {.job = job, .channel = channel},
		.evidence = ret,
		.end_us = begun_us + patience_ms * INT64_C(1000),
	};

	*ret = (struct docker_evidence){0};
	list_places(ret, &job->context);
	docker_asker_open(&round.asker, &ret->places[0].host, ret->problem, sizeof(ret->problem));
	while (!ask_all(&round) && is_worth_waiting(ret) &&
	       left_ms(&round) > PAUSE_MS + MIN_ROUND_MS) {
		channel_phase(channel, "wait for the daemon to start");
		(void)poll(NULL, 0, PAUSE_MS);
	}
	ret->waited_ms = (long)((run_clock_us() - begun_us) / 1000);
	docker_asker_close(&round.asker);
}

void docker_evidence_release(struct docker_evidence *evidence)
{
	for (size_t i = 0; i < DOCKER_MAX_PLACES; i++)
		docker_host_release(&evidence->places[i].host);
}
