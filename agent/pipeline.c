/* SPDX-License-Identifier: Zlib */
/* The pipeline from plan to verdict. */
#include "agent/pipeline.h"

#include <stdlib.h>

#include "agent/command.h"
#include "agent/docker_client.h"
#include "agent/mem.h"
#include "agent/nix_kvm.h"
#include "agent/repair.h"

#define REPORT_MAX_BYTES (16u << 20)

int pipeline_prepare(struct pipeline *pipeline, const struct command *command,
		     const struct options *options, char *const *environment, struct error *error)
{
	*pipeline = (struct pipeline){0};
	strbuf_init(&pipeline->report, REPORT_MAX_BYTES);
	pipeline->result = (struct result){
		.command = command,
		.job = &pipeline->job,
		.plan = &pipeline->plan,
		.run = &pipeline->run,
		.environment = &pipeline->environment,
		.report = &pipeline->report,
	};
	if (job_read(&pipeline->job, options, environment, error) < 0)
		return -1;
	return plan_make(&pipeline->plan, &pipeline->job, &pipeline->job.findings, error);
}

/* What was found before the first probe belongs to the same list. */
static void adopt_findings(struct findings *into, struct findings *from)
{
	into->items = mem_grow(into->items, into->count + from->count, sizeof(*into->items));
	for (size_t i = 0; i < from->count; i++)
		into->items[into->count++] = from->items[i];
	free(from->items);
	*from = (struct findings){0};
}

static bool may_mend(const struct command *command, const struct options *options)
{
	return command->bit & (COMMAND_RUN | COMMAND_HOOK | COMMAND_INSTALL) ||
	       (command->bit == COMMAND_EXEC && options->is_install);
}

void pipeline_prove(struct pipeline *pipeline)
{
	struct run *run = &pipeline->run;
	struct job *job = &pipeline->job;

	run_tasks(run, job, &pipeline->plan, job->options->deadline_ms);
	adopt_findings(&run->findings, &job->findings);
	if (may_mend(pipeline->result.command, job->options))
		repair_all(run, job, &pipeline->plan);
	nix_kvm_judge(&run->facts, &pipeline->plan, &run->findings);
	docker_client_judge(&run->facts, &run->findings);
	endpoints_check_facts(&job->endpoints, &run->facts, &run->findings);
	expect_judge(&job->expect, &job->lane, &run->facts, &run->findings);
	environment_compose(&pipeline->environment, job, run, &run->findings);
	verdict_weigh(&run->findings, &pipeline->plan);
	pipeline->result.outcome = verdict_outcome(&run->findings, job);
}

void pipeline_release(struct pipeline *pipeline)
{
	strbuf_release(&pipeline->report);
	environment_release(&pipeline->environment);
	run_release(&pipeline->run);
	plan_release(&pipeline->plan);
	job_release(&pipeline->job);
}
