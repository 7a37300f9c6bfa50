/* SPDX-License-Identifier: Zlib */
/* The event that started the job: GITHUB_EVENT_PATH, as GitHub's webhooks describe it, or GitLab's
 * predefined variables of a merge request's pipeline. */
#include "agent/context_event.h"

#include <string.h>
#include <strings.h>

#include "agent/cleanup.h"
#include "agent/context.h"
#include "agent/json.h"
#include "agent/strbuf.h"
#include "agent/text.h"

#define EVENT_MAX_BYTES 4194304u

/* A head whose repository was deleted is null in the payload, and so none of ours. */
static bool is_head_ours(const struct json *event, const char *repository)
{
	const struct json *head = json_member(json_member(event, "pull_request"), "head");
	const char *name = json_string(json_member(json_member(head, "repo"), "full_name"));

	return name && repository && strcasecmp(name, repository) == 0;
}

/* A fork's pipeline runs in the fork or, where a member started it, in the parent: so it is the two ends
 * of the merge request that are compared, not the project that the pipeline runs in. */
static bool is_fork_merge_request(const struct context *context)
{
	const char *event = context_env(context, "CI_PIPELINE_SOURCE");
	const char *target = context_env(context, "CI_MERGE_REQUEST_PROJECT_ID");
	const char *source = context_env(context, "CI_MERGE_REQUEST_SOURCE_PROJECT_ID");
	bool is_request = event && strcmp(event, "merge_request_event") == 0;

	return (is_request || target || source) &&
	       (!target || !source || strcmp(target, source) != 0);
}

bool context_is_fork_pull_request(const struct context *context)
{
	CLEANUP_STRBUF struct strbuf text = STRBUF_INIT(EVENT_MAX_BYTES);
	CLEANUP_JSON struct json *event = NULL;
	const char *name = context_env(context, "GITHUB_EVENT_NAME");
	const char *path = context_env(context, "GITHUB_EVENT_PATH");

	if (context->surface == SURFACE_GITLAB)
		return is_fork_merge_request(context);
	/* pull_request, pull_request_target, pull_request_review and their kind */
	if (!name || !text_starts_with(name, "pull_request"))
		return false;
	if (!path || *path != '/' || root_read(&context->root, path, &text) < 0 ||
	    json_parse(text.data, text.length, "event", &event, NULL) < 0)
		return true;
	return !is_head_ours(event, context_env(context, "GITHUB_REPOSITORY"));
}
