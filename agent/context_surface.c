/* SPDX-License-Identifier: Zlib */
/* Where this process runs: on which surface, for whom, in which container. */
#include "agent/context_surface.h"

#include <string.h>
#include <sys/stat.h>

#include "agent/command.h"
#include "agent/context.h"
#include "agent/resolve.h"
#include "agent/text.h"

#define SERVICE_ACCOUNT "/var/run/secrets/kubernetes.io/serviceaccount"

const char *surface_name(enum surface surface)
{
	static const char *const names[] = {
		[SURFACE_LOCAL] = "local",   [SURFACE_STEP] = "step",
		[SURFACE_HOOK] = "hook",     [SURFACE_ENTRYPOINT] = "entrypoint",
		[SURFACE_GITLAB] = "gitlab",
	};

	return names[surface];
}

const char *audience_name(enum audience audience)
{
	static const char *const names[] = {
		[AUDIENCE_CLUSTER] = "in-cluster",
		[AUDIENCE_HOSTED] = "github-hosted",
		[AUDIENCE_PERSON] = "person",
	};

	return names[audience];
}

static bool variable_is(const struct context *context, const char *name, const char *value)
{
	const char *found = context_env(context, name);

	return found && strcmp(found, value) == 0;
}

/* A hook has the file commands, as a step has them, but no GITHUB_ACTION*: it is no action. */
static enum surface settle_surface(const struct context *context, unsigned int command)
{
	if (command == COMMAND_EXEC)
		return SURFACE_ENTRYPOINT;
	if (command == COMMAND_HOOK)
		return SURFACE_HOOK;
	if (!variable_is(context, "GITHUB_ACTIONS", "true") || !context_env(context, "GITHUB_ENV"))
		return context_env(context, "GITLAB_CI") ? SURFACE_GITLAB : SURFACE_LOCAL;
	if (context_env(context, "GITHUB_ACTION") || context_env(context, "GITHUB_ACTION_PATH"))
		return SURFACE_STEP;
	return SURFACE_HOOK;
}

bool context_is_behind_checkout(const struct context *context)
{
	return context->surface == SURFACE_STEP || context->surface == SURFACE_GITLAB;
}

bool context_hands_over(const struct context *context)
{
	return context->surface != SURFACE_LOCAL && context->surface != SURFACE_GITLAB;
}

/* A job container under dind has none of the pod's variables, but its docker daemon hands the pod's
 * search list down. */
static bool has_cluster_search_list(const struct root *root)
{
	struct resolver resolver;
	bool has = false;

	resolver_read(&resolver, root);
	for (size_t i = 0; i < resolver.search_count; i++)
		has |= strcmp(resolver.search[i], "svc.cluster.local") == 0 ||
		       text_ends_with(resolver.search[i], ".svc.cluster.local");
	resolver_release(&resolver);
	return has;
}

static bool settle_in_cluster(const struct context *context)
{
	const char *agent = context_env(context, "GITHUB_ACTIONS_RUNNER_EXTRA_USER_AGENT");
	struct stat status;

	return context_env(context, "KUBERNETES_SERVICE_HOST") ||
	       (agent && text_starts_with(agent, "actions-runner-controller")) ||
	       root_stat(&context->root, SERVICE_ACCOUNT, &status) == 0 ||
	       has_cluster_search_list(&context->root);
}

static enum audience settle_audience(const struct context *context)
{
	if (variable_is(context, "RUNNER_ENVIRONMENT", "github-hosted"))
		return AUDIENCE_HOSTED;
	return context->is_in_cluster ? AUDIENCE_CLUSTER : AUDIENCE_PERSON;
}

/* The container hooks name the pod of a job's steps "<runner>-workflow". */
static bool is_job_pod(const struct context *context)
{
	return context->is_in_cluster && context->host_name &&
	       text_ends_with(context->host_name, "-workflow");
}

static bool settle_container_job(const struct context *context)
{
	const char *workspace = context->workspace;

	return is_job_pod(context) || (workspace && (strcmp(workspace, "/__w") == 0 ||
						     text_starts_with(workspace, "/__w/")));
}

void context_settle_surface(struct context *context, unsigned int command)
{
	context->is_act = variable_is(context, "ACT", "true");
	context->surface = settle_surface(context, command);
	context->is_in_cluster = settle_in_cluster(context);
	context->audience = settle_audience(context);
	context->is_container_job = settle_container_job(context);
	context->is_kube_container_mode =
		is_job_pod(context) || context_env(context, "ACTIONS_RUNNER_CONTAINER_HOOKS") ||
		variable_is(context, "ACTIONS_RUNNER_REQUIRE_JOB_CONTAINER", "true");
}
