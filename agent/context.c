/* SPDX-License-Identifier: Zlib */
/* The job's surroundings, read once at the start. */
#include "agent/context.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/cleanup.h"
#include "agent/command.h"
#include "agent/context_event.h"
#include "agent/context_identity.h"
#include "agent/context_surface.h"
#include "agent/error.h"
#include "agent/lane.h"
#include "agent/mem.h"
#include "agent/options.h"
#include "agent/strbuf.h"
#include "agent/text.h"

#define ANNOTATIONS_PATH "/etc/podinfo/annotations"
#define ANNOTATIONS_MAX_BYTES 262144u /* Kubernetes allows no more in all */
#define ANNOTATION "actions.github.com/runner-scale-set-name=\""
#define TOKEN_MAX_BYTES 16384u

static char **copy_environment(char *const *environment)
{
	size_t count = 0;
	char **copy;

	while (environment[count])
		count++;
	copy = mem_alloc(count + 1, sizeof(*copy));
	for (size_t i = 0; i < count; i++)
		copy[i] = mem_strdup(environment[i]);
	return copy;
}

const char *context_env(const struct context *context, const char *name)
{
	size_t length = strlen(name);

	for (char **entry = context->environment; entry && *entry; entry++)
		if (strncmp(*entry, name, length) == 0 && (*entry)[length] == '=')
			return (*entry)[length + 1] ? *entry + length + 1 : NULL;
	return NULL;
}

bool context_has_group(const struct context *context, gid_t gid)
{
	if (context->gid == gid)
		return true;
	for (size_t i = 0; i < context->group_count; i++)
		if (context->groups[i] == gid)
			return true;
	return false;
}

/* The first of NAMES (NULL-terminated) that holds an absolute path, or FALLBACK; the caller frees. */
static char *absolute_path(const struct context *context, const char *const *names,
			   const char *fallback)
{
	for (; *names; names++) {
		const char *value = context_env(context, *names);

		if (value && *value == '/')
			return mem_strdup(value);
	}
	return mem_strdup(fallback);
}

/* An entrypoint's files must outlive the start of the job, at which RUNNER_TEMP is emptied. */
static void read_places(struct context *context, bool is_entrypoint)
{
	static const char *const workspaces[] = {"GITHUB_WORKSPACE", "CI_PROJECT_DIR", NULL};
	static const char *const temps[] = {"RUNNER_TEMP", "TMPDIR", NULL};

	context->workspace = absolute_path(context, workspaces, NULL);
	context->temp = absolute_path(context, is_entrypoint ? temps + 1 : temps, "/tmp");
	if (context->workspace) {
		CLEANUP_FREE char *git = mem_format("%s/.git", context->workspace);
		struct stat status;

		context->has_checkout = root_lstat(&context->root, git, &status) == 0;
	}
}

/* ---- the downward API */

/* The annotation's value out of a file that the kubelet wrote: KEY="value" on each line, quoted as
 * Go's %q does. A value with an escape in it is no label. NULL when it is not there; caller frees. */
static char *scale_set_annotation(const char *text)
{
	for (const char *line = text; line; line = strchr(line, '\n')) {
		const char *value;
		size_t length;

		line += *line == '\n';
		if (!text_starts_with(line, ANNOTATION))
			continue;
		value = line + strlen(ANNOTATION);
		length = strcspn(value, "\"\\\n");
		return value[length] == '"' ? mem_strndup(value, length) : NULL;
	}
	return NULL;
}

static void read_scale_set(struct context *context)
{
	CLEANUP_STRBUF struct strbuf text = STRBUF_INIT(ANNOTATIONS_MAX_BYTES);
	CLEANUP_FREE char *name = mem_strdup(context_env(context, "SPINUP_SCALE_SET"));
	const char *source = "SPINUP_SCALE_SET";

	if (!name && root_read(&context->root, ANNOTATIONS_PATH, &text) == 0) {
		name = scale_set_annotation(text.data);
		source = ANNOTATIONS_PATH;
	}
	if (!name || !lane_label_is_valid(name))
		return;
	context->scale_set_name = TAKE(name);
	context->scale_set_source = mem_strdup(source);
}

/* ---- the token */

/* A token goes into an HTTP header and a netrc: white space inside would end it there. */
static int accept_token(struct context *context, const char *text, const char *source,
			struct error *error)
{
	static const char blanks[] = " \t\r\n";
	size_t length;

	text += strspn(text, blanks);
	length = strcspn(text, blanks);
	if (text[length + strspn(text + length, blanks)])
		return error_set(error, ERROR_USAGE, "%s: the token has white space inside",
				 source);
	for (size_t i = 0; i < length; i++)
		if (text[i] < '!' || text[i] > '~')
			return error_set(error, ERROR_USAGE,
					 "%s: the token has characters that no token has", source);
	if (length)
		context->attic_token = mem_strndup(text, length);
	return 0;
}

static int read_token(struct context *context, struct error *error)
{
	CLEANUP_STRBUF struct strbuf text = STRBUF_INIT(TOKEN_MAX_BYTES);
	const char *token = context_env(context, "ATTIC_TOKEN");
	const char *path = context_env(context, "ATTIC_TOKEN_FILE");

	if (token)
		return accept_token(context, token, "ATTIC_TOKEN", error);
	if (!path)
		return 0;
	if (*path != '/')
		return error_set(error, ERROR_USAGE, "ATTIC_TOKEN_FILE: not an absolute path");
	if (root_read(&context->root, path, &text) < 0)
		return error_set(error, error_code_for(errno),
				 "ATTIC_TOKEN_FILE: %.200s cannot be read: %s", path,
				 strerror(errno));
	if (strlen(text.data) != text.length)
		return error_set(error, ERROR_USAGE, "ATTIC_TOKEN_FILE: %.200s holds a NUL byte",
				 path);
	return accept_token(context, text.data, "ATTIC_TOKEN_FILE", error);
}

int context_read(struct context *context, const struct options *options, char *const *environment,
		 struct error *error)
{
	*context = (struct context){.root.fd = -1};
	if (root_open_directory(&context->root, options->root, error) < 0)
		return -1;
	context->environment = copy_environment(environment);
	context_read_identity(context);
	read_places(context, options->command == COMMAND_EXEC);
	read_scale_set(context);
	context_settle_surface(context, options->command);
	context->is_fork_pull_request = context_is_fork_pull_request(context);
	return read_token(context, error);
}

/* Memory that held a secret is not left behind for a core dump or a later allocation. */
static void release_secret(char *secret)
{
	if (secret)
		explicit_bzero(secret, strlen(secret));
	free(secret);
}

void context_release(struct context *context)
{
	for (char **entry = context->environment; entry && *entry; entry++)
		free(*entry);
	free(context->environment);
	free(context->user_name);
	free(context->groups);
	free(context->home);
	free(context->nix_home);
	free(context->host_name);
	free(context->workspace);
	free(context->temp);
	free(context->scale_set_name);
	free(context->scale_set_source);
	release_secret(context->attic_token);
	root_close(&context->root);
	*context = (struct context){.root.fd = -1};
}
