/* SPDX-License-Identifier: Zlib */
/* What the next steps get, decided from what was proven. The composers of Nix and Bazel have files
 * of their own; what they say passes the same last check. */
#include <string.h>

#include "agent/bazelrc.h"
#include "agent/cleanup.h"
#include "agent/docker_env.h"
#include "agent/encoding.h"
#include "agent/environment.h"
#include "agent/error.h"
#include "agent/fact_names.h"
#include "agent/facts.h"
#include "agent/finding.h"
#include "agent/github.h"
#include "agent/job.h"
#include "agent/mem.h"
#include "agent/nix_config.h"
#include "agent/nix_links.h"
#include "agent/plan.h"
#include "agent/proxy_env.h"
#include "agent/run.h"
#include "agent/text.h"
#include "agent/url.h"
#include "probes/table.h"

#define KEY_BYTES 32u
#define LABEL_MAX_BYTES 256u

#define NAME_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-"

static bool was_tried(const struct run *run, const char *probe)
{
	for (size_t i = 0; i < run->count; i++)
		if (strcmp(run->results[i].task->probe->name, probe) == 0)
			return true;
	return false;
}

/* Whether the job's own value lost against the rules rather than against a flag. */
static bool was_refused(const struct job *job, const struct endpoint *endpoint,
			const char *variable)
{
	if (!context_env(&job->context, variable))
		return false;
	return !endpoint->url || !endpoint->source ||
	       text_starts_with(endpoint->source, "contract") ||
	       text_starts_with(endpoint->source, "expect");
}

enum cache_fate environment_cache_fate(const struct job *job, const struct run *run,
				       enum lane_promise cache)
{
	bool is_attic = cache == LANE_ATTIC;
	const struct endpoint *endpoint = is_attic ? &job->endpoints.attic : &job->endpoints.bazel;
	const char *usable = is_attic ? FACT_ATTIC_USABLE : FACT_BAZEL_USABLE;

	if (endpoint->url && was_tried(run, lane_promise_name(cache)))
		return facts_boolean(&run->facts, usable) == 1 ? CACHE_PROVEN : CACHE_DEAD;
	if (was_refused(job, endpoint, is_attic ? "ATTIC_SERVER" : "BAZEL_REMOTE_CACHE"))
		return CACHE_DEAD;
	return CACHE_UNTOUCHED;
}

static bool is_name(const char *text)
{
	return text && *text && *text != '-' && text[strspn(text, NAME_CHARACTERS)] == '\0';
}

/* "name:base64 of 32 bytes", as Nix writes a public key. */
static bool is_public_key(const char *text)
{
	const char *colon = text ? strchr(text, ':') : NULL;
	CLEANUP_FREE char *name = colon ? mem_strndup(text, (size_t)(colon - text)) : NULL;
	uint8_t key[KEY_BYTES];

	return is_name(name) && encoding_base64_decode(colon + 1, strlen(colon + 1), key,
						       sizeof(key)) == (ptrdiff_t)sizeof(key);
}

static bool is_plain_url(const char *text)
{
	CLEANUP(url_release) struct url url = {0};

	return text && url_parse(text, &url, NULL) == 0 && !url.user;
}

/* The probes' facts came through a pipe: each is checked again before it becomes a value. */
static void set_checked(struct environment *environment, const char *name, const char *value,
			bool is_good, struct findings *findings)
{
	if (is_good)
		environment_set(environment, name, value, "probe attic");
	else
		findings_note(findings, FINDING_ENVIRONMENT_VALUE_REFUSED, name,
			      "the probe's value does not have the form of one");
}

static void compose_attic(struct environment *environment, const struct job *job,
			  const struct run *run, struct findings *findings)
{
	const struct endpoint *endpoint = &job->endpoints.attic;
	const char *url = facts_string(&run->facts, FACT_ATTIC_URL);
	const char *cache = facts_string(&run->facts, FACT_ATTIC_CACHE);
	const char *key = facts_string(&run->facts, FACT_ATTIC_KEY);
	enum cache_fate fate = environment_cache_fate(job, run, LANE_ATTIC);

	if (fate == CACHE_DEAD ||
	    (endpoint->is_public_read && context_env(&job->context, "ATTIC_SERVER")))
		environment_set(environment, "ATTIC_SERVER", "", "probe attic");
	if (fate != CACHE_PROVEN)
		return;
	if (!endpoint->is_public_read) {
		set_checked(environment, "ATTIC_SERVER", url, is_plain_url(url), findings);
		set_checked(environment, "ATTIC_CACHE", cache, is_name(cache), findings);
	}
	if (key)
		set_checked(environment, "ATTIC_PUBLIC_KEY", key, is_public_key(key), findings);
}

/* The pod or the workflow has set it, and no step of this job should use it. */
static void compose_executor(struct environment *environment, const struct job *job)
{
	if (job->endpoints.is_executor_refused)
		environment_set(environment, "BAZEL_REMOTE_EXECUTOR", "", "contract");
}

static void compose_own(struct environment *environment, const struct job *job)
{
	CLEANUP_FREE char *report = environment_file_path(job, "report.json");

	if (is_name(job->lane.label) && strlen(job->lane.label) <= LABEL_MAX_BYTES)
		environment_set(environment, "SPINUP_LANE", job->lane.label, job->identity.source);
	if (context_hands_over(&job->context) && report)
		environment_set(environment, "SPINUP_REPORT_PATH", report, "spinup");
}

/* A name that stands for a file goes where the file goes, or nowhere. */
static void settle_paths(struct environment *environment, const struct job *job)
{
	size_t i = 0;

	while (i < environment->count) {
		struct variable *variable = &environment->variables[i];
		char *path = variable->file ? environment_file_path(job, variable->file) : NULL;

		if (variable->file && !path) {
			environment_drop(environment, variable->name);
			continue;
		}
		if (path) {
			free(variable->value);
			variable->value = path;
		}
		i++;
	}
}

static bool can_mask_all(const struct variable *variable, bool is_runner_listening)
{
	for (size_t i = 0; variable->secrets && variable->secrets[i]; i++)
		if (!is_runner_listening || !github_can_mask(variable->secrets[i]))
			return false;
	return true;
}

/* Whether VARIABLE may be written; says so where not. */
static bool passes(const struct variable *variable, const struct job *job,
		   struct findings *findings)
{
	bool is_listening = environment_can_mask(job);
	const char *problem = github_value_problem(variable->value);

	if (variable->file && strchr(variable->value, '\n'))
		problem = "RUNNER_TEMP has a line break";
	if (problem) {
		findings_note(findings, FINDING_ENVIRONMENT_VALUE_REFUSED, variable->name,
			      "left out: %s", problem);
		return false;
	}
	if (variable_has_too_many_secrets(variable)) {
		findings_note(findings, FINDING_SECRET_LEFT_OUT, variable->name,
			      "left out: it holds more than %u secrets", VARIABLE_MAX_SECRETS);
		return false;
	}
	if (can_mask_all(variable, is_listening))
		return true;
	findings_note(findings, FINDING_SECRET_LEFT_OUT, variable->name, "left out: %s",
		      is_listening ? "its secret is too short to be hidden in the log"
				   : "it holds a secret, and no runner would hide it in the log");
	return false;
}

void environment_check(struct environment *environment, const struct job *job,
		       struct findings *findings)
{
	size_t i = 0;

	while (i < environment->count) {
		const struct variable *variable = &environment->variables[i];

		if (passes(variable, job, findings))
			i++;
		else
			environment_drop(environment, variable->name);
	}
}

void environment_compose(struct environment *ret, const struct job *job, const struct run *run,
			 struct findings *findings)
{
	*ret = (struct environment){0};
	compose_attic(ret, job, run, findings);
	proxy_env_compose(ret, job, run, findings);
	bazelrc_compose(ret, job, run, findings);
	compose_executor(ret, job);
	nix_config_compose(ret, job, run, findings);
	nix_links_compose(ret, job, &run->facts, findings);
	docker_env_compose(ret, job, run, findings);
	compose_own(ret, job);
	settle_paths(ret, job);
	environment_check(ret, job, findings);
}
