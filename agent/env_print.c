/* SPDX-License-Identifier: Zlib */
/* The environment as shell code, GITHUB_ENV block, dotenv file or JSON. */
#include "agent/env_print.h"

#include <stdlib.h>
#include <string.h>

#include "agent/cleanup.h"
#include "agent/error.h"
#include "agent/github.h"
#include "agent/gitlab.h"
#include "agent/json.h"
#include "agent/mem.h"
#include "agent/result.h"
#include "agent/strbuf.h"
#include "agent/talk.h"
#include "agent/text.h"

static void print_sh(const char *name, const char *value, struct strbuf *out)
{
	strbuf_printf(out, "export %s=", name);
	text_shell_quote(out, value);
	strbuf_putc(out, '\n');
}

/* For another job of the pipeline: what it cannot be given as it is, it does not get. */
static int print_dotenv(const char *name, const char *value, struct strbuf *out,
			struct error *error)
{
	const char *problem = gitlab_dotenv_problem(value);

	if (!problem)
		return gitlab_dotenv_add(out, name, value, error);
	talk("%s is not in the dotenv file: %s; a job that needs it runs spinup itself", name,
	     problem);
	return 0;
}

static int print_variable(const char *name, const char *value, enum env_format format,
			  struct strbuf *out, struct error *error)
{
	switch (format) {
	case ENV_FORMAT_GITHUB:
		return github_block_add(out, name, value, error);
	case ENV_FORMAT_DOTENV:
		return print_dotenv(name, value, out, error);
	case ENV_FORMAT_SH:
	case ENV_FORMAT_JSON:
		break;
	}
	print_sh(name, value, out);
	return 0;
}

/* The value, or NULL for a file that was not written; the caller frees. */
static char *value_of(const struct variable *variable, const char *directory)
{
	if (!variable->file)
		return mem_strdup(variable->value);
	return directory ? mem_format("%s/%s", directory, variable->file) : NULL;
}

/* SPINUP_REPORT_PATH names a file that this command does not write. */
static bool is_owed(const struct variable *variable)
{
	return strcmp(variable->name, "SPINUP_REPORT_PATH") != 0;
}

static void print_json(const struct environment *environment, const char *directory,
		       struct strbuf *out)
{
	CLEANUP_JSON struct json *document = json_new_object();
	struct json *variables = json_add_object(document, "environment");
	struct json *path = json_add_array(document, "path");

	for (size_t i = 0; i < environment->count; i++) {
		const struct variable *variable = &environment->variables[i];
		CLEANUP_FREE char *value = value_of(variable, directory);

		if (value && is_owed(variable))
			json_add_string(variables, variable->name, value);
	}
	for (size_t i = 0; environment->path_entries && environment->path_entries[i]; i++)
		json_append_string(path, environment->path_entries[i]);
	json_print(document, false, out);
}

static void print_path(const struct environment *environment, struct strbuf *out)
{
	CLEANUP_STRBUF struct strbuf entries = STRBUF_INIT(GITHUB_MAX_VALUE_BYTES);

	for (size_t i = 0; environment->path_entries && environment->path_entries[i]; i++)
		strbuf_printf(&entries, "%s:", environment->path_entries[i]);
	if (!entries.length)
		return;
	strbuf_puts(out, "export PATH=");
	text_shell_quote(out, entries.data);
	strbuf_puts(out, "\"$PATH\"\n");
}

int env_print(const struct result *result, const char *directory, struct strbuf *out,
	      struct error *error)
{
	const struct environment *environment = result->environment;
	enum env_format format =
		result->job->options->is_json ? ENV_FORMAT_JSON : result->job->options->env_format;

	if (format == ENV_FORMAT_JSON) {
		print_json(environment, directory, out);
		return 0;
	}
	for (size_t i = 0; i < environment->count; i++) {
		const struct variable *variable = &environment->variables[i];
		CLEANUP_FREE char *value = value_of(variable, directory);

		if (value && is_owed(variable) &&
		    print_variable(variable->name, value, format, out, error) < 0)
			return -1;
	}
	if (format == ENV_FORMAT_SH)
		print_path(environment, out);
	return 0;
}

/* What execvp itself takes where no PATH is set. */
static void hand_path_over(const struct result *result)
{
	static const char usual[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	char *const *entries = result->environment->path_entries;
	const char *before = context_env(&result->job->context, "PATH");

	if (!entries)
		return;
	strbuf_puts(result->handover, "PATH=");
	for (size_t i = 0; entries[i]; i++)
		strbuf_printf(result->handover, "%s:", entries[i]);
	strbuf_puts(result->handover, before ? before : usual);
	strbuf_putc(result->handover, '\0');
}

int env_hand_over(const struct result *result, struct error *error)
{
	const struct environment *environment = result->environment;

	for (size_t i = 0; i < environment->count; i++) {
		const struct variable *variable = &environment->variables[i];

		strbuf_printf(result->handover, "%s=%s", variable->name, variable->value);
		strbuf_putc(result->handover, '\0');
	}
	hand_path_over(result);
	return result->handover->is_truncated
		       ? error_set(error, ERROR_AGENT, "it is too long to be handed over")
		       : 0;
}
