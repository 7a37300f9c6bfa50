/* SPDX-License-Identifier: Zlib */
/* The gpu probe: device nodes are opened, a shader is run with the image's Vulkan loader and with the
 * Nix profile's, and whatever explains a failure is collected. */
#include "probes/gpu.h"

#include <stdint.h>

#include "agent/command.h"
#include "agent/job.h"
#include "agent/run.h"
#include "probes/probe.h"

extern const struct probe probe_gpu;

/* Without persistence mode a driver's first start takes seconds, and as long again in a second
 * userland. */
#define DEADLINE_MS 45000u
#define MARGIN_MS 1500u /* for thousands of manifests, judging and telling; at most a quarter */

/* ---- plan */

/* Where it is promised or asked for alone, the deadline of all proofs does not cut it; beside others
 * it is only looked at. */
static void gpu_plan(const struct job *job, struct plan *plan)
{
	bool is_promised = job->required & LANE_GPU;
	bool is_of_lane = job->lane.promises & LANE_GPU;
	bool has_own_deadline = is_promised || job->options->command == COMMAND_PROBE;
	unsigned int all_ms = job->options->deadline_ms;

	if (!is_promised && !job->options->is_all)
		return;
	plan_add(plan, &(struct plan_entry){
			       .probe = &probe_gpu,
			       .name = "gpu",
			       .subject = "",
			       .kind = is_promised ? TASK_PROMISE : TASK_ADVICE,
			       .why = is_of_lane    ? "the lane promises gpu"
				      : is_promised ? "gpu is required"
						    : "everything is tried (--all)",
			       .deadline_ms = has_own_deadline || all_ms > DEADLINE_MS ? DEADLINE_MS
										       : all_ms,
			       .has_own_deadline = has_own_deadline,
		       });
}

/* ---- run */

/* What is left of the task's time, in milliseconds, for the proofs that are still to come. */
static unsigned int left_ms(const struct task *task, int64_t start_us)
{
	unsigned int all_ms = task->deadline_ms;
	int64_t spent_ms = (run_clock_us() - start_us) / 1000;

	spent_ms += all_ms / 4 < MARGIN_MS ? all_ms / 4 : MARGIN_MS;
	return spent_ms < all_ms ? all_ms - (unsigned int)spent_ms : 1;
}

static bool has_nvidia_node(const struct gpu_nodes *nodes)
{
	for (size_t i = 0; i < nodes->count; i++)
		if (nodes->items[i].kind == GPU_NODE_NVIDIA)
			return true;
	return false;
}

/* Computes in one userland or both. A fake machine has no programs to run. */
static void prove(struct gpu_facts *facts, const struct job *job, const struct task *task,
		  struct channel *channel)
{
	int64_t start_us = run_clock_us();
	struct vulkan_ask ask = {
		.root = &job->context.root,
		.sandbox = channel->sandbox,
		.environment = job->context.environment,
		.is_software_allowed = job->options->is_software_gpu_allowed,
		.are_nvidia_libraries_wanted = has_nvidia_node(&facts->nodes),
		.timeout_ms = left_ms(task, start_us),
	};

	if (job->context.root.is_confined)
		return;
	if (facts->nix.library)
		ask.timeout_ms -= ask.timeout_ms / 3;
	channel_phase(channel, "compute with the image's loader");
	vulkan_run(&ask, &facts->answers[GPU_USERLAND_IMAGE]);
	facts->was_run[GPU_USERLAND_IMAGE] = true;
	if (!facts->nix.library)
		return;
	ask.interpreter = facts->nix.interpreter;
	ask.library = facts->nix.library;
	ask.timeout_ms = left_ms(task, start_us);
	channel_phase(channel, "compute with Nix's loader");
	vulkan_run(&ask, &facts->answers[GPU_USERLAND_NIX]);
	facts->was_run[GPU_USERLAND_NIX] = true;
}

/* Nodes are opened and programs run before the sandbox; what others wrote is read inside it. */
static void gpu_run(const struct job *job, const struct task *task, struct channel *channel)
{
	const struct context *context = &job->context;
	struct gpu_facts facts = {0};

	channel_phase(channel, "open device nodes");
	gpu_nodes_collect(&facts.nodes, &context->root);
	gpu_nix_collect(&facts.nix, context);
	prove(&facts, job, task, channel);
	channel_lock(channel);
	channel_phase(channel, "read drivers and manifests");
	gpu_machine_collect(&facts.machine, &context->root);
	gpu_nvidia_collect(&facts.nvidia, context, &facts.nodes);
	for (unsigned int i = 0; i < GPU_USERLAND_COUNT; i++)
		gpu_search_collect(&facts.searches[i], context, (enum gpu_userland)i);
	channel_phase(channel, "judge");
	gpu_judge(&facts, job, channel);
	for (unsigned int i = 0; i < GPU_USERLAND_COUNT; i++)
		gpu_search_release(&facts.searches[i]);
	gpu_nvidia_release(&facts.nvidia);
	gpu_nix_release(&facts.nix);
}

const struct probe probe_gpu = {
	.name = "gpu",
	.summary = "device nodes, drivers, and a shader that runs on the GPU (Vulkan, WebGPU)",
	.promise = LANE_GPU,
	.sandbox = SANDBOX_DRIVER,
	.enters_sandbox_itself = true,
	.plan = gpu_plan,
	.run = gpu_run,
};
