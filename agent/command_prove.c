/* SPDX-License-Identifier: Zlib */
/* run, doctor, plan, probe and env: the commands that go down the pipeline. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/command.h"
#include "agent/emit.h"
#include "agent/error.h"
#include "agent/json.h"
#include "agent/page.h"
#include "agent/page_sections.h"
#include "agent/pipeline.h"
#include "agent/strbuf.h"
#include "probes/table.h"

#define PLAN_MAX_BYTES 262144u
#define ASKED_DEADLINE_MS 5000u

/* Proves and emits what is prepared; the exit status, or -1 with ERROR. */
static int prove_and_emit(struct pipeline *pipeline, struct error *error)
{
	pipeline_prove(pipeline);
	if (emit_all(&pipeline->result, error) < 0)
		return -1;
	return verdict_status(pipeline->result.outcome, &pipeline->job);
}

int command_run(const struct command *command, const struct options *options,
		char *const *environment, struct error *error)
{
	struct pipeline pipeline;
	int status = pipeline_prepare(&pipeline, command, options, environment, error);

	if (status == 0)
		status = prove_and_emit(&pipeline, error);
	pipeline_release(&pipeline);
	return status;
}

static void add_lane(const struct job *job, struct json *document)
{
	struct json *lane = json_add_object(document, "lane");
	struct json *promises;

	json_add_string(lane, "label", job->lane.label ? job->lane.label : "");
	json_add_string(lane, "source", job->identity.source ? job->identity.source : "");
	promises = json_add_array(lane, "promises");
	for (unsigned int bit = 1; bit <= LANE_BAZEL; bit <<= 1)
		if (job->lane.promises & bit)
			json_append_string(promises, lane_promise_name((enum lane_promise)bit));
}

static void print_plan_json(const struct pipeline *pipeline, struct strbuf *out)
{
	const struct plan *plan = &pipeline->plan;
	struct json *document = json_new_object();
	struct json *tasks;

	add_lane(&pipeline->job, document);
	tasks = json_add_array(document, "tasks");
	for (size_t i = 0; i < plan->count; i++) {
		const struct task *task = &plan->tasks[i];
		struct json *row = json_append_object(tasks);

		json_add_string(row, "name", task->name);
		json_add_string(row, "probe", task->probe->name);
		json_add_string(row, "kind", task_kind_name(task->kind));
		json_add_string(row, "subject", task->subject);
		json_add_integer(row, "deadline_ms", task->deadline_ms);
		json_add_string(row, "why", task->why);
	}
	json_print(document, false, out);
	json_free(document);
}

/* Below the tasks stands what is known already: a label that is unknown, a promise without a proof. */
static void print_plan_page(const struct pipeline *pipeline, struct strbuf *out)
{
	const struct run known = {.findings = pipeline->job.findings};
	struct page_style style = page_style_for(STDOUT_FILENO);
	struct result shown = pipeline->result;

	page_print_plan(&pipeline->job, &pipeline->plan, &style, out);
	shown.run = &known;
	if (known.findings.count == 0)
		return;
	page_print_findings(&shown, &style, out);
}

int command_plan(const struct command *command, const struct options *options,
		 char *const *environment, struct error *error)
{
	CLEANUP_STRBUF struct strbuf out = STRBUF_INIT(PLAN_MAX_BYTES);
	struct pipeline pipeline;
	int status = pipeline_prepare(&pipeline, command, options, environment, error);

	if (status == 0) {
		if (options->is_json)
			print_plan_json(&pipeline, &out);
		else
			print_plan_page(&pipeline, &out);
		(void)fputs(out.data, stdout);
	}
	pipeline_release(&pipeline);
	return status;
}

/* ---- probe */

/* Leaves only PROBE's tasks, each a promise now: it is what was asked for. */
static void keep_only(struct plan *plan, const struct probe *probe, const char *argument)
{
	struct plan kept = {0};

	for (size_t i = 0; i < plan->count && !argument; i++)
		if (plan->tasks[i].probe == probe)
			plan_add(&kept, &(struct plan_entry){
						.probe = probe,
						.name = plan->tasks[i].name,
						.subject = plan->tasks[i].subject,
						.kind = TASK_PROMISE,
						.why = "asked for",
						.deadline_ms = plan->tasks[i].deadline_ms,
						.has_own_deadline = plan->tasks[i].has_own_deadline,
					});
	if (kept.count == 0)
		plan_add(&kept, &(struct plan_entry){
					.probe = probe,
					.name = probe->name,
					.subject = argument ? argument : "",
					.kind = TASK_PROMISE,
					.why = "asked for",
					.deadline_ms = ASKED_DEADLINE_MS,
				});
	plan_release(plan);
	*plan = kept;
}

static int run_one(const struct command *command, const struct probe *probe,
		   const struct options *options, char *const *environment, struct error *error)
{
	struct options asked = *options;
	const char *argument = options->arguments[1];
	struct pipeline pipeline;
	int status;

	asked.is_all = true; /* a device is asked for, promised or not */
	if (strcmp(probe->name, "attic") == 0 && argument)
		asked.attic_url = TAKE(argument);
	if (strcmp(probe->name, "bazel") == 0 && argument)
		asked.bazel_url = TAKE(argument);
	status = pipeline_prepare(&pipeline, command, &asked, environment, error);
	if (status == 0) {
		keep_only(&pipeline.plan, probe, argument);
		status = prove_and_emit(&pipeline, error);
	}
	pipeline_release(&pipeline);
	return status;
}

int command_probe(const struct command *command, const struct options *options,
		  char *const *environment, struct error *error)
{
	const char *name = options->arguments[0];
	const struct probe *probe = name ? probe_find(name) : NULL;

	if (!name) {
		command_print_probes();
		return 0;
	}
	if (!probe)
		return error_set(error, ERROR_USAGE,
				 "%.64s: there is no such probe; `spinup probe` lists them", name);
	if (options->arguments[1] && !probe->argument)
		return error_set(error, ERROR_USAGE, "the probe %s takes no argument", name);
	return run_one(command, probe, options, environment, error);
}
