/* SPDX-License-Identifier: Zlib */
/* Proves Docker's daemon by its own API, where the job's clients go, and at the usual socket where
 * that is dead. */
#include "probes/docker.h"

#include "agent/job.h"
#include "agent/plan.h"
#include "agent/record.h"
#include "probes/probe.h"

extern const struct probe probe_docker;

#define PATIENCE_MS 10000u
#define MARGIN_MS 400u /* to say what was found before the deadline */

static void plan(const struct job *job, struct plan *plan)
{
	struct docker_host host = {0};

	if (!(job->required & LANE_DOCKER))
		return;
	(void)docker_host_parse(docker_host_of(&job->context), docker_host_wants_tls(&job->context),
				&host, NULL);
	plan_add(plan, &(struct plan_entry){
			       .probe = &probe_docker,
			       .name = "docker",
			       .subject = host.shown ? host.shown : "DOCKER_HOST",
			       .kind = TASK_PROMISE,
			       .why = job->lane.promises & LANE_DOCKER ? "the lane promises docker"
								       : "docker is required",
			       .deadline_ms = PATIENCE_MS + MARGIN_MS,
		       });
	docker_host_release(&host);
}

/* The deadline of the whole run may be shorter than the task's. */
static unsigned int patience_ms(const struct job *job, const struct task *task)
{
	unsigned int deadline_ms = job->options->deadline_ms;

	if (!deadline_ms || deadline_ms > task->deadline_ms)
		deadline_ms = task->deadline_ms;
	return deadline_ms > 2 * MARGIN_MS ? deadline_ms - MARGIN_MS : deadline_ms / 2;
}

static void run(const struct job *job, const struct task *task, struct channel *channel)
{
	struct docker_evidence evidence;

	docker_collect(&evidence, job, patience_ms(job, task), channel);
	channel_phase(channel, "judge");
	docker_judge(&evidence, channel);
	docker_evidence_release(&evidence);
}

const struct probe probe_docker = {
	.name = "docker",
	.summary = "Docker's daemon: its own answer, where the job's clients go",
	.promise = LANE_DOCKER,
	.sandbox = SANDBOX_SOCKETS,
	.plan = plan,
	.run = run,
};
