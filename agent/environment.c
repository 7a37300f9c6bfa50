/* SPDX-License-Identifier: Zlib */
/* The list of variables and files for the next steps. */
#include "agent/environment.h"

#include <stdlib.h>
#include <string.h>

#include "agent/cleanup.h"
#include "agent/command.h"
#include "agent/job.h"
#include "agent/mem.h"
#include "agent/named_path.h"
#include "agent/redact.h"
#include "agent/strbuf.h"
#include "agent/text.h"

#define DISPLAY_MAX_BYTES 65536u

static size_t list_length(char *const *list)
{
	size_t count = 0;

	while (list && list[count])
		count++;
	return count;
}

static bool list_contains(char *const *list, const char *text)
{
	for (; list && *list; list++)
		if (strcmp(*list, text) == 0)
			return true;
	return false;
}

static char **list_add(char **list, const char *text)
{
	size_t count = list_length(list);

	list = mem_grow(list, count + 2, sizeof(*list));
	list[count] = mem_strdup(text);
	list[count + 1] = NULL;
	return list;
}

static void list_free(char **list)
{
	for (size_t i = 0; list && list[i]; i++)
		free(list[i]);
	free(list);
}

static void variable_release(struct variable *variable)
{
	free(variable->name);
	free(variable->value);
	free(variable->source);
	free(variable->file);
	list_free(variable->secrets);
	*variable = (struct variable){0};
}

static struct variable *find(const struct environment *environment, const char *name)
{
	for (size_t i = 0; i < environment->count; i++)
		if (strcmp(environment->variables[i].name, name) == 0)
			return &environment->variables[i];
	return NULL;
}

const struct variable *environment_find(const struct environment *environment, const char *name)
{
	return find(environment, name);
}

/* The variable's row, emptied when it was set before: the last word counts. */
static struct variable *row_of(struct environment *environment, const char *name)
{
	struct variable *row = find(environment, name);

	if (row) {
		variable_release(row);
	} else {
		environment->variables = mem_grow(environment->variables, environment->count + 1,
						  sizeof(*environment->variables));
		row = &environment->variables[environment->count++];
		*row = (struct variable){0};
	}
	row->name = mem_strdup(name);
	return row;
}

void environment_set(struct environment *environment, const char *name, const char *value,
		     const char *source)
{
	struct variable *row = row_of(environment, name);

	row->value = mem_strdup(value);
	row->source = mem_strdup(source);
}

void environment_add_secret(struct environment *environment, const char *name, const char *secret)
{
	struct variable *row = find(environment, name);

	if (!row || !secret || !*secret || list_contains(row->secrets, secret))
		return;
	if (list_length(row->secrets) <= VARIABLE_MAX_SECRETS) /* one more tells that it is full */
		row->secrets = list_add(row->secrets, secret);
}

bool variable_has_too_many_secrets(const struct variable *variable)
{
	return list_length(variable->secrets) > VARIABLE_MAX_SECRETS;
}

// NOLINTNEXTLINE(readability-function-size): each argument is plain at its two callers
void environment_add_file(struct environment *environment, const char *variable,
			  const char *file_name, const char *content, bool is_secret,
			  const char *source)
{
	struct variable *row = variable ? row_of(environment, variable) : NULL;

	if (row) {
		row->value = mem_strdup("");
		row->source = mem_strdup(source);
		row->file = mem_strdup(file_name);
	}
	environment->files = mem_grow(environment->files, environment->file_count + 1,
				      sizeof(*environment->files));
	environment->files[environment->file_count++] = (struct environment_file){
		.name = mem_strdup(file_name),
		.content = mem_strdup(content),
		.is_secret = is_secret,
	};
}

void environment_add_path(struct environment *environment, const char *directory)
{
	if (!list_contains(environment->path_entries, directory))
		environment->path_entries = list_add(environment->path_entries, directory);
}

void environment_drop(struct environment *environment, const char *name)
{
	struct variable *row = find(environment, name);
	size_t index;

	if (!row)
		return;
	index = (size_t)(row - environment->variables);
	variable_release(row);
	memmove(row, row + 1, (environment->count - index - 1) * sizeof(*row));
	environment->count--;
}

void environment_release(struct environment *environment)
{
	for (size_t i = 0; i < environment->count; i++)
		variable_release(&environment->variables[i]);
	for (size_t i = 0; i < environment->file_count; i++) {
		free(environment->files[i].name);
		free(environment->files[i].content);
	}
	free(environment->variables);
	free(environment->files);
	list_free(environment->path_entries);
	free(environment->linked_bin);
	*environment = (struct environment){0};
}

static bool ends_in_slash(const char *path)
{
	return *path && path[strlen(path) - 1] == '/';
}

static char *path_below(const char *directory, const char *name)
{
	CLEANUP_FREE char *whole = named_path(directory);

	if (!whole)
		return NULL;
	return mem_format("%s%s%s", whole, ends_in_slash(whole) ? "" : "/", name);
}

char *environment_file_path(const struct job *job, const char *name)
{
	const char *temp = job->context.temp;
	const char *directory = job->options->write_files;

	if (job->options->command == COMMAND_ENV)
		return directory ? path_below(directory, name) : NULL;
	return mem_format("%s%sspinup/%s", temp, ends_in_slash(temp) ? "" : "/", name);
}

bool environment_can_mask(const struct job *job)
{
	const struct context *context = &job->context;

	return (context->surface == SURFACE_STEP || context->surface == SURFACE_HOOK) &&
	       context_env(context, "GITHUB_ACTIONS") && !context->is_act;
}

char *variable_display(const struct variable *variable)
{
	CLEANUP_STRBUF struct strbuf hidden = STRBUF_INIT(DISPLAY_MAX_BYTES);
	struct strbuf out = STRBUF_INIT(DISPLAY_MAX_BYTES);

	redact_secrets(&hidden, variable->value, (const char *const *)variable->secrets);
	text_redact_urls(&out, hidden.data);
	return strbuf_take(&out);
}
