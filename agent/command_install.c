/* SPDX-License-Identifier: Zlib */
/* spinup install: Nix alone, proven, mended or installed; and taken back. */
#include <stdio.h>
#include <string.h>

#include "agent/cleanup.h"
#include "agent/command.h"
#include "agent/emit.h"
#include "agent/error.h"
#include "agent/install.h"
#include "agent/pipeline.h"
#include "agent/strbuf.h"
#include "agent/uninstall.h"
#include "probes/table.h"

#define SAID_MAX_BYTES 1024u

/* What Nix needs of the machine, Nix, and the versions that a repository expects. */
static bool is_about_nix(const struct task *task)
{
	static const char *const probes[] = {"system", "nix", "toolchain"};

	for (size_t i = 0; i < sizeof(probes) / sizeof(probes[0]); i++)
		if (strcmp(task->probe->name, probes[i]) == 0)
			return true;
	return false;
}

static void keep_nix(struct plan *plan)
{
	struct plan kept = {0};

	for (size_t i = 0; i < plan->count; i++) {
		const struct task *task = &plan->tasks[i];

		if (is_about_nix(task))
			plan_add(&kept, &(struct plan_entry){
						.probe = task->probe,
						.name = task->name,
						.subject = task->subject,
						.why = task->why,
						.kind = task->kind,
						.deadline_ms = task->deadline_ms,
						.has_own_deadline = task->has_own_deadline,
					});
	}
	plan_release(plan);
	*plan = kept;
}

static int prove_and_emit(struct pipeline *pipeline, struct error *error)
{
	keep_nix(&pipeline->plan);
	pipeline_prove(pipeline);
	if (emit_all(&pipeline->result, error) < 0)
		return -1;
	return verdict_status(pipeline->result.outcome, &pipeline->job);
}

static int require_nix(struct options *options, struct error *error)
{
	size_t count = 0;

	while (options->require[count])
		count++;
	if (count + 1 >= OPTIONS_MAX_NAMES)
		return error_set(error, ERROR_USAGE, "--require: too many names");
	options->require[count] = "nix";
	return 0;
}

static int take_back(const struct options *options, char *const *environment, struct error *error)
{
	CLEANUP_STRBUF struct strbuf said = STRBUF_INIT(SAID_MAX_BYTES);
	struct context context = {0};
	struct installation installation = {
		.context = &context,
		.end_us = run_clock_us() + options->install_deadline_ms * INT64_C(1000),
		.state = INSTALL_STATE_INIT,
		.staging = -1,
	};
	int status = context_read(&context, options, environment, error);

	if (status == 0 && options->is_json)
		status = error_set(error, ERROR_USAGE, "--uninstall has no --json");
	if (status == 0 && context.uid != 0)
		status = error_set(error, ERROR_USAGE,
				   "--uninstall is for root: sudo spinup install --uninstall");
	if (status == 0)
		status = uninstall(&installation, options->is_force, &said, error);
	if (status >= 0)
		(void)fprintf(status ? stderr : stdout, "%s%s\n", status ? "spinup: " : "",
			      said.data);
	context_release(&context);
	return status;
}

int command_install(const struct command *command, const struct options *options,
		    char *const *environment, struct error *error)
{
	struct options asked = *options;
	struct pipeline pipeline;
	int status;

	if (options->is_uninstall)
		return take_back(options, environment, error);
	if (options->is_force)
		return error_set(error, ERROR_USAGE, "--force goes with --uninstall");
	if (require_nix(&asked, error) < 0)
		return -1;
	status = pipeline_prepare(&pipeline, command, &asked, environment, error);
	if (status == 0)
		status = prove_and_emit(&pipeline, error);
	pipeline_release(&pipeline);
	return status;
}
