/* SPDX-License-Identifier: Zlib */
/* The table of writers. Masks come first, for the runner hides only what it was told before;
 * GITHUB_ENV comes behind all that it points at, so that it is written only when that is there. */
#include "agent/emit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/annotations.h"
#include "agent/cleanup.h"
#include "agent/command.h"
#include "agent/env_print.h"
#include "agent/error.h"
#include "agent/github.h"
#include "agent/mem.h"
#include "agent/nix_links.h"
#include "agent/outputs.h"
#include "agent/page.h"
#include "agent/private_dir.h"
#include "agent/report.h"
#include "agent/result.h"
#include "agent/setup_info.h"
#include "agent/strbuf.h"
#include "agent/summary.h"

#define REPORT_FILE "report.json"
#define TEXT_MAX_BYTES (16u << 20)
#define SUMMARY_MAX_BYTES 262144u

/* ---- conditions */

static bool is_command(const struct result *result, enum command_bit bit)
{
	return result->command->bit == bit;
}

/* Only `run` and `hook` write, and only where a runner reads it. */
static bool is_job(const struct result *result)
{
	enum surface surface = result->job->context.surface;

	return (is_command(result, COMMAND_RUN) || is_command(result, COMMAND_HOOK)) &&
	       (surface == SURFACE_STEP || surface == SURFACE_HOOK);
}

static bool owes_github_env(const struct result *result)
{
	return is_job(result) && context_env(&result->job->context, "GITHUB_ENV") &&
	       verdict_status(result->outcome, result->job) == 0;
}

static bool owes_handover(const struct result *result)
{
	return result->handover != NULL;
}

bool emit_gives_environment(const struct result *result)
{
	return owes_github_env(result) || owes_handover(result);
}

/* What a later surface reads as history. */
static bool owes_private_report(const struct result *result)
{
	return is_job(result) || owes_handover(result);
}

static bool owes_masks(const struct result *result)
{
	return (is_job(result) || is_command(result, COMMAND_ENV)) &&
	       environment_can_mask(result->job);
}

static bool owes_files(const struct result *result)
{
	return emit_gives_environment(result) ||
	       (is_command(result, COMMAND_ENV) && result->job->options->write_files);
}

static bool owes_home_rc(const struct result *result)
{
	return emit_gives_environment(result) && result->job->options->is_bazel_home_rc &&
	       result->job->context.home &&
	       environment_find(result->environment, "SPINUP_BAZELRC_PATH");
}

static bool owes_system_rc(const struct result *result)
{
	return emit_gives_environment(result) && result->job->context.uid == 0 &&
	       environment_find(result->environment, "SPINUP_BAZELRC_PATH");
}

static bool owes_report_file(const struct result *result)
{
	return result->job->options->report_path != NULL;
}

static bool owes_json(const struct result *result)
{
	return result->job->options->is_json && !is_command(result, COMMAND_ENV);
}

static bool owes_page(const struct result *result)
{
	return !result->job->options->is_json && !is_command(result, COMMAND_ENV) &&
	       !is_command(result, COMMAND_EXEC);
}

static bool owes_env(const struct result *result)
{
	return is_command(result, COMMAND_ENV);
}

/* Standard output is for the environment, or for the command that comes after us. */
static bool owes_talk(const struct result *result)
{
	return (is_command(result, COMMAND_ENV) && result->outcome != OUTCOME_READY) ||
	       is_command(result, COMMAND_EXEC);
}

static bool owes_summary(const struct result *result)
{
	return is_job(result) && context_env(&result->job->context, "GITHUB_STEP_SUMMARY");
}

/* A hook's file is there all the same, but no step can name what it holds. */
static bool owes_outputs(const struct result *result)
{
	return is_job(result) && result->job->context.surface == SURFACE_STEP &&
	       context_env(&result->job->context, "GITHUB_OUTPUT");
}

static bool owes_annotations(const struct result *result)
{
	return is_job(result) && context_env(&result->job->context, "GITHUB_ACTIONS");
}

static bool owes_gitlab_annotations(const struct result *result)
{
	return result->job->options->gitlab_annotations != NULL;
}

/* In a job container the runner puts entries before the image's PATH untranslated, and breaks an
 * image that has none (actions/runner#3210). */
static bool owes_path(const struct result *result)
{
	const struct context *context = &result->job->context;

	return emit_gives_environment(result) && context->surface == SURFACE_STEP &&
	       !context->is_container_job && context_env(context, "GITHUB_PATH") &&
	       result->environment && result->environment->path_entries;
}

/* Nothing that GITHUB_ENV says leads through the links. */
static bool owes_links(const struct result *result)
{
	return emit_gives_environment(result) && result->environment->linked_bin;
}

/* ---- writers */

static int print_to(FILE *stream, const struct strbuf *text, struct error *error)
{
	if (fwrite(text->data, 1, text->length, stream) == text->length && fflush(stream) == 0)
		return 0;
	return error_set(error, ERROR_AGENT, "%s cannot be written: %s",
			 stream == stdout ? "standard output" : "standard error", strerror(errno));
}

/* Workflow commands go where the log is: stdout, unless that is one document for somebody else. */
static FILE *command_stream(const struct result *result)
{
	return result->job->options->is_json || is_command(result, COMMAND_ENV) ? stderr : stdout;
}

static int write_masks(const struct result *result, struct error *error)
{
	CLEANUP_STRBUF struct strbuf out = STRBUF_INIT(TEXT_MAX_BYTES);
	const struct environment *environment = result->environment;

	if (result->job->context.attic_token)
		github_mask(&out, result->job->context.attic_token);
	for (size_t i = 0; environment && i < environment->count; i++) {
		char *const *secrets = environment->variables[i].secrets;

		for (size_t j = 0; secrets && secrets[j]; j++)
			github_mask(&out, secrets[j]);
	}
	return print_to(command_stream(result), &out, error);
}

static int write_files(const struct result *result, struct error *error)
{
	const char *directory =
		is_command(result, COMMAND_ENV) ? result->job->options->write_files : NULL;

	return emit_files(result->environment, result, directory, error);
}

static int get_report(const struct result *result, const struct strbuf **ret, struct error *error)
{
	*ret = report_text(result);
	return (*ret)->is_truncated
		       ? error_set(error, ERROR_AGENT,
				   "the report is longer than 16 MiB and was not written")
		       : 0;
}

static int write_private_report(const struct result *result, struct error *error)
{
	const struct strbuf *report;

	if (get_report(result, &report, error) < 0)
		return -1;
	return emit_private_file(result, REPORT_FILE, report->data, error);
}

static int write_report_file(const struct result *result, struct error *error)
{
	const struct strbuf *report;

	if (get_report(result, &report, error) < 0)
		return -1;
	return private_file_put(result->job->options->report_path, 0644, report->data,
				report->length, error);
}

static int write_json(const struct result *result, struct error *error)
{
	const struct strbuf *report;

	return get_report(result, &report, error) < 0 ? -1 : print_to(stdout, report, error);
}

static int show_page(const struct result *result, FILE *stream, bool is_complete,
		     struct error *error)
{
	CLEANUP_STRBUF struct strbuf out = STRBUF_INIT(TEXT_MAX_BYTES);
	struct page_style style = page_style_for(fileno(stream));

	style.is_complete = is_complete;
	style.has_sections = result->job->context.surface == SURFACE_GITLAB;
	page_print(result, &style, &out);
	return print_to(stream, &out, error);
}

static int write_page(const struct result *result, struct error *error)
{
	return show_page(result, stdout,
			 !(result->command->bit & (COMMAND_RUN | COMMAND_HOOK | COMMAND_INSTALL)),
			 error);
}

static int write_env(const struct result *result, struct error *error)
{
	const char *wanted = result->job->options->write_files;
	CLEANUP_STRBUF struct strbuf out = STRBUF_INIT(TEXT_MAX_BYTES);
	CLEANUP_FREE char *directory = wanted ? realpath(wanted, NULL) : NULL;

	if (env_print(result, directory, &out, error) < 0)
		return -1;
	return print_to(stdout, &out, error);
}

static int write_talk(const struct result *result, struct error *error)
{
	return show_page(result, stderr, false, error);
}

static int write_summary(const struct result *result, struct error *error)
{
	CLEANUP_STRBUF struct strbuf out = STRBUF_INIT(SUMMARY_MAX_BYTES);
	const struct context *context = &result->job->context;

	summary_print(result, &out);
	return github_lines_append(&context->root, context_env(context, "GITHUB_STEP_SUMMARY"),
				   out.data, out.length, error);
}

static int write_outputs(const struct result *result, struct error *error)
{
	CLEANUP_STRBUF struct strbuf out = STRBUF_INIT(GITHUB_MAX_BLOCK_BYTES);
	const struct context *context = &result->job->context;

	if (outputs_print(result, &out, error) < 0)
		return -1;
	return github_file_append(&context->root, context_env(context, "GITHUB_OUTPUT"), out.data,
				  out.length, error);
}

static int write_annotations(const struct result *result, struct error *error)
{
	CLEANUP_STRBUF struct strbuf out = STRBUF_INIT(TEXT_MAX_BYTES);

	annotations_print(result, &out);
	return print_to(command_stream(result), &out, error);
}

static int write_gitlab_annotations(const struct result *result, struct error *error)
{
	CLEANUP_STRBUF struct strbuf out = STRBUF_INIT(TEXT_MAX_BYTES);

	annotations_print_gitlab(result, &out);
	return private_file_put(result->job->options->gitlab_annotations, 0644, out.data,
				out.length, error);
}

/* The last line comes first in PATH, so the entries are written backwards. */
static int write_path(const struct result *result, struct error *error)
{
	CLEANUP_STRBUF struct strbuf out = STRBUF_INIT(GITHUB_MAX_BLOCK_BYTES);
	const struct context *context = &result->job->context;
	char *const *entries = result->environment->path_entries;
	size_t count = 0;

	while (entries[count])
		count++;
	for (size_t i = count; i-- > 0;) {
		if (*entries[i] != '/' || entries[i][strcspn(entries[i], ":\r\n")])
			return error_set(error, ERROR_AGENT, "an entry is no plain absolute path");
		strbuf_printf(&out, "%s\n", entries[i]);
	}
	return github_lines_append(&context->root, context_env(context, "GITHUB_PATH"), out.data,
				   out.length, error);
}

static int write_links(const struct result *result, struct error *error)
{
	return nix_links_make(&result->job->context.root, result->environment->linked_bin, error);
}

static int write_environment(const struct result *result, struct error *error)
{
	CLEANUP_STRBUF struct strbuf out = STRBUF_INIT(GITHUB_MAX_BLOCK_BYTES);
	const struct context *context = &result->job->context;
	const struct environment *environment = result->environment;

	for (size_t i = 0; i < environment->count; i++)
		if (github_block_add(&out, environment->variables[i].name,
				     environment->variables[i].value, error) < 0)
			return -1;
	if (!out.length)
		return 0;
	return github_file_append(&context->root, context_env(context, "GITHUB_ENV"), out.data,
				  out.length, error);
}

/* ---- the table */

static const struct writer {
	const char *name; /* stands before an error's message */
	bool (*is_owed)(const struct result *result);
	int (*write)(const struct result *result, struct error *error);
	bool is_for_success; /* not after another writer has failed */
} writers[] = {
	{"masks", owes_masks, write_masks, false},
	{"files for the next steps", owes_files, write_files, false},
	{"home rc of Bazel", owes_home_rc, emit_home_rc, true},
	{"system rc of Bazel", owes_system_rc, emit_system_rc, true},
	{"report", owes_private_report, write_private_report, false},
	{"environment", owes_handover, env_hand_over, true},
	{"--report", owes_report_file, write_report_file, false},
	{"report", owes_json, write_json, false},
	{"page", owes_page, write_page, false},
	{"environment", owes_env, write_env, true},
	{"page", owes_talk, write_talk, false},
	{".setup_info", owes_handover, setup_info_write, false},
	{"GITHUB_STEP_SUMMARY", owes_summary, write_summary, false},
	{"GITHUB_OUTPUT", owes_outputs, write_outputs, false},
	{"annotations", owes_annotations, write_annotations, false},
	{"--gitlab-annotations", owes_gitlab_annotations, write_gitlab_annotations, false},
	{"GITHUB_PATH", owes_path, write_path, true},
	{"GITHUB_ENV", owes_github_env, write_environment, true},
	{"links to Nix", owes_links, write_links, true},
};

int emit_all(const struct result *result, struct error *error)
{
	int status = 0;

	for (size_t i = 0; i < sizeof(writers) / sizeof(*writers); i++) {
		const struct writer *writer = &writers[i];
		struct error later = {0};
		struct error *where = status == 0 ? error : &later;

		if (!writer->is_owed(result) || (writer->is_for_success && status != 0))
			continue;
		if (writer->write(result, where) == 0)
			continue;
		(void)error_prefix(where, "%s", writer->name);
		status = -1;
	}
	return status;
}
