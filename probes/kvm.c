/* SPDX-License-Identifier: Zlib */
/* Proves KVM by use: the device is opened, has what QEMU demands, and runs a guest. */
#include "probes/kvm.h"

#include "agent/fact_names.h"
#include "agent/job.h"
#include "agent/plan.h"
#include "agent/record.h"
#include "probes/probe.h"

extern const struct probe probe_kvm;

#define DEADLINE_MS 2000u /* the guests have half of it: they take 5 ms where they work */

static void plan(const struct job *job, struct plan *plan)
{
	struct plan_entry entry = {
		.probe = &probe_kvm,
		.name = "kvm",
		.subject = KVM_PATH,
		.kind = TASK_PROMISE,
		.deadline_ms = DEADLINE_MS,
	};

	if (job->required & LANE_KVM) {
		entry.why =
			job->lane.promises & LANE_KVM ? "the lane promises kvm" : "kvm is required";
	} else if (job->options->is_all) {
		entry.kind = TASK_ADVICE;
		entry.why = "everything is tried (--all)";
	} else {
		return;
	}
	plan_add(plan, &entry);
}

static void run(const struct job *job, const struct task *task, struct channel *channel)
{
	struct kvm_evidence evidence;

	(void)task;
	kvm_collect(&evidence, job, channel);
	channel_phase(channel, "judge");
	kvm_judge(&evidence, job, channel);
	kvm_evidence_release(&evidence);
}

const struct probe probe_kvm = {
	.name = "kvm",
	.summary = "KVM: the device, what QEMU demands of it, and guests that run",
	.promise = LANE_KVM,
	.sandbox = SANDBOX_FILES,
	.enters_sandbox_itself = true,
	.plan = plan,
	.run = run,
};
