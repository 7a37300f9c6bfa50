/* SPDX-License-Identifier: Zlib */
/* The system probe: kernel, architecture, limits, space, and the directory that Nix lives in. */
#include "probes/system.h"
#include "probes/probe.h"

extern const struct probe probe_system;

#define DEADLINE_MS 2000u /* local files; only a network file system that hangs takes time */

static void system_plan(const struct job *job, struct plan *plan)
{
	const char *why = job->required & LANE_HEAVY ? "every lane; heavy is a promise about memory"
						     : "every lane";

	plan_add(plan, &(struct plan_entry){
			       .probe = &probe_system,
			       .name = "system",
			       .subject = "",
			       .kind = TASK_PROMISE,
			       .why = why,
			       .deadline_ms = DEADLINE_MS,
		       });
}

static void system_run(const struct job *job, const struct task *task, struct channel *channel)
{
	struct system_facts facts;

	(void)task;
	channel_phase(channel, "read limits and space");
	system_collect(&facts, job);
	channel_phase(channel, "judge");
	system_judge(&facts, job, channel);
	system_facts_release(&facts);
}

const struct probe probe_system = {
	.name = "system",
	.summary = "kernel, architecture, memory and CPU limits, free space, the state of /nix",
	.promise = LANE_HEAVY,
	.sandbox = SANDBOX_FILES,
	.plan = system_plan,
	.run = system_run,
};
