/* SPDX-License-Identifier: Zlib */
/* Proves Nix without starting it: the program by its store path, the daemon by its own protocol, the
 * configuration by reading it as Nix does. */
#include "probes/nix.h"

#include "agent/job.h"
#include "agent/plan.h"
#include "agent/record.h"
#include "probes/probe.h"

#define DEADLINE_MS 2000u

extern const struct probe probe_nix;

static void plan(const struct job *job, struct plan *plan)
{
	const struct lane *lane = &job->lane;
	struct plan_entry entry = {
		.probe = &probe_nix,
		.name = "nix",
		.subject = "/nix",
		.kind = TASK_ADVICE,
		.deadline_ms = DEADLINE_MS,
	};

	/* A lane that promises nothing about Nix, and has no cache for it, pays nothing for it. */
	if (job->required & LANE_NIX) {
		entry.kind = TASK_PROMISE;
		entry.why = lane->promises & LANE_NIX ? "the lane promises nix" : "nix is required";
	} else if (lane->promises & LANE_ATTIC) {
		entry.why = "the lane has a cache for nix";
	} else if (lane->status == LANE_STATUS_UNKNOWN) {
		entry.why = "good to know where the lane is unknown";
	} else {
		return;
	}
	plan_add(plan, &entry);
}

static void run(const struct job *job, const struct task *task, struct channel *channel)
{
	struct nix_evidence evidence;

	(void)task;
	nix_collect(&evidence, job, channel);
	channel_phase(channel, "judge");
	nix_judge(&evidence, channel);
	nix_evidence_release(&evidence);
}

const struct probe probe_nix = {
	.name = "nix",
	.summary = "Nix: the program, the daemon's own answer, build users, the configuration",
	.promise = LANE_NIX,
	.sandbox = SANDBOX_DAEMON,
	.plan = plan,
	.run = run,
};
