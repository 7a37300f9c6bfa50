/* SPDX-License-Identifier: Zlib */
/* The event that started the job: GITHUB_EVENT_PATH, as GitHub's webhooks describe it. */
#include "agent/context_event.h"

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

bool context_is_fork_pull_request(const struct context *context)
{
	CLEANUP_STRBUF struct strbuf text = STRBUF_INIT(EVENT_MAX_BYTES);
	CLEANUP_JSON struct json *event = NULL;
	const char *name = context_env(context, "GITHUB_EVENT_NAME");
	const char *path = context_env(context, "GITHUB_EVENT_PATH");

	/* pull_request, pull_request_target, pull_request_review and their kind */
	if (!name || !text_starts_with(name, "pull_request"))
		return false;
	if (!path || *path != '/' || root_read(&context->root, path, &text) < 0 ||
	    json_parse(text.data, text.length, "event", &event, NULL) < 0)
		return true;
	return !is_head_ours(event, context_env(context, "GITHUB_REPOSITORY"));
}
