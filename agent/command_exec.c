/* SPDX-License-Identifier: Zlib */
/* spinup exec: the entrypoint of a runner image. Whatever happens here, the command is run. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/command.h"
#include "agent/emit.h"
#include "agent/error.h"
#include "agent/exec.h"
#include "agent/inherited.h"
#include "agent/mem.h"
#include "agent/options.h"
#include "agent/pipeline.h"
#include "agent/strbuf.h"
#include "agent/talk.h"
#include "agent/task_end.h"
#include "agent/text.h"

/* What is not a proof takes milliseconds; a machine under load takes longer. */
#define SLACK_MS 5000u
#define SECRET_PREFIX "ACTIONS_RUNNER_INPUT_"

struct attempt {
	const struct command *command;
	const struct options *options;
	char *const *environment;
};

/* ---- in the child */

/* The runner's credentials are the command's alone. The text itself is what /proc/PID/environ shows. */
static void wipe_credentials(char *const *environment)
{
	for (size_t i = 0; environment[i]; i++)
		if (text_starts_with(environment[i], SECRET_PREFIX))
			explicit_bzero(environment[i], strlen(environment[i]));
}

/* A promised GPU may take longer than all the others together. */
static unsigned int longest_ms(const struct plan *plan, unsigned int deadline_ms)
{
	for (size_t i = 0; i < plan->count; i++)
		if (plan->tasks[i].has_own_deadline && plan->tasks[i].deadline_ms > deadline_ms)
			deadline_ms = plan->tasks[i].deadline_ms;
	return deadline_ms;
}

/* What mending and installing may take on top. */
static unsigned int mending_ms(const struct options *options)
{
	return options->is_install ? options->install_deadline_ms + options->deadline_ms + SLACK_MS
				   : 0;
}

static int prove(const void *data, unsigned int *timeout_ms, struct strbuf *block)
{
	const struct attempt *attempt = data;
	struct pipeline pipeline;
	struct error error = {0};
	int status;

	inherited_mend();
	wipe_credentials(attempt->environment);
	status = pipeline_prepare(&pipeline, attempt->command, attempt->options,
				  attempt->environment, &error);
	pipeline.result.handover = block;
	if (status == 0) {
		*timeout_ms = longest_ms(&pipeline.plan, attempt->options->deadline_ms) + SLACK_MS +
			      mending_ms(attempt->options);
		if (attempt->options->is_install && !(pipeline.job.required & LANE_NIX))
			talk("--install: nothing is mended or installed, as this lane promises no "
			     "Nix (--require nix)");
		pipeline_prove(&pipeline);
		status = emit_all(&pipeline.result, &error);
	}
	if (status < 0)
		talk("%s", error.message);
	pipeline_release(&pipeline);
	return status < 0 ? (int)error.code : 0;
}

/* ---- in the parent */

static void say_end(const struct exec_result *result, const char *command, bool has_block)
{
	CLEANUP_FREE char *cause = NULL;
	CLEANUP_FREE char *sentence = NULL;

	switch (result->end) {
	case EXEC_DONE:
		if (result->status == 0)
			return;
		cause = mem_format("the proofs ended with status %d", result->status);
		break;
	case EXEC_KILLED:
		cause = mem_format("the proofs were ended by signal %d", result->status);
		break;
	case EXEC_TIMEOUT:
		cause = mem_strdup("the proofs did not end in time and were stopped");
		break;
	case EXEC_INTERRUPTED:
		return;
	case EXEC_NOT_STARTED:
		cause = mem_format("the proofs could not be started: %s%s",
				   strerror(result->status), task_end_limit(result->status));
		break;
	}
	sentence = mem_format("%s; %s is started %s", cause, command,
			      has_block ? "all the same" : "with the environment as it was");
	talk("%s", sentence);
}

/* Becomes the command; returns an exit status when it cannot, or when a signal has come before. */
static int prove_and_become(const struct attempt *attempt, bool is_usable, struct error *error)
{
	CLEANUP_STRBUF struct strbuf block = STRBUF_INIT(EXEC_MAX_BLOCK_BYTES);
	const struct options *options = attempt->options;
	CLEANUP_FREE char *name = text_cleaned(options->wrapped[0], 200);
	CLEANUP_FREE char **environment = NULL;
	struct exec_work work = {prove, attempt,
				 options->deadline_ms + SLACK_MS + mending_ms(options)};
	struct exec_result result = {EXEC_DONE, is_usable ? 0 : ERROR_USAGE};
	struct signals signals;

	signals_hold(&signals);
	if (is_usable)
		exec_supervise(&work, &signals, &result, &block);
	if (result.end == EXEC_INTERRUPTED)
		return 128 + result.status;
	say_end(&result, name, block.length > 0);
	environment = exec_environment(attempt->environment, &block);
	signals_release(&signals);
	return exec_become(options->wrapped, environment, error);
}

int command_exec(const struct command *command, const struct options *options,
		 char *const *environment, struct error *error)
{
	const struct attempt attempt = {command, options, environment};
	bool is_usable = error->code == ERROR_NONE;
	struct error failure = {0};
	int status;

	if (!options->wrapped || !options->wrapped[0])
		return is_usable ? error_set(error, ERROR_USAGE,
					     "no command to become: spinup exec [options] -- CMD…")
				 : -1;
	if (!is_usable)
		talk("%s", error->message);
	status = prove_and_become(&attempt, is_usable, &failure);
	if (failure.code)
		talk("%s", failure.message);
	return status;
}
