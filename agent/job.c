/* SPDX-License-Identifier: Zlib */
/* Everything that is known before the first probe runs, read in its order. */
#include "agent/job.h"

#include "agent/command.h"
#include "agent/contract_environment.h"
#include "agent/error.h"

/* A declared attachment is what the whole lane is held to; of one proof alone nothing depends on it. */
#define HELD_TO_ATTACHMENT                                                                         \
	(COMMAND_RUN | COMMAND_HOOK | COMMAND_EXEC | COMMAND_DOCTOR | COMMAND_ENV | COMMAND_PLAN)

/* --require names probes; those that prove no promise are the plan's own matter. */
static unsigned int required_promises(const struct job *job)
{
	unsigned int promises = job->lane.promises | job->expect.require;

	for (size_t i = 0; job->options->require[i]; i++)
		promises |= lane_promise_by_name(job->options->require[i]);
	if (attachment_wants_cache(&job->attachment))
		promises |= LANE_BAZEL;
	return promises;
}

/* In the container modes the runner's pod starts another pod for the steps. */
static void report_other_pod(struct job *job)
{
	const struct context *context = &job->context;

	if (context->is_kube_container_mode && !context->is_container_job)
		findings_note(&job->findings, FINDING_JOB_POD_NOT_PROBED, "",
			      "this is the runner's pod; the job's steps run in another one");
}

static void choose_endpoints(struct job *job)
{
	const struct endpoint_basis basis = {
		.options = job->options,
		.context = &job->context,
		.contract = &job->contract,
		.lane = &job->lane,
		.expect = &job->expect,
		.attachment = &job->attachment,
	};

	endpoints_choose(&job->endpoints, &basis, &job->findings);
}

/* The cache is the one of the next steps: the flag's, the job's own, or the contract's. */
static void judge_attachment(struct job *job)
{
	struct attachment *attachment = &job->attachment;
	const struct endpoint *bazel = &job->endpoints.bazel;
	const struct options *options = job->options;

	if (!attachment_is_declared(attachment) || !(options->command & HELD_TO_ATTACHMENT))
		return;
	if (options->bazel_url || !attachment->cache) {
		attachment->cache = options->bazel_url ? options->bazel_url : bazel->url;
		attachment->cache_source =
			options->bazel_url ? options->bazel_url_source : bazel->source;
	}
	attachment->is_strict = options->is_strict;
	attachment_set_runner(attachment, &job->identity);
	attachment_judge(attachment, &job->contract, &job->findings);
	if (attachment_mode(attachment) == ATTACHMENT_EXECUTOR)
		findings_note(&job->findings, FINDING_PROMISE_NOT_CHECKED, "BAZEL_REMOTE_EXECUTOR",
			      "the executor was not proven in this run, only the cache");
}

int job_read(struct job *job, const struct options *options, char *const *environment,
	     struct error *error)
{
	*job = (struct job){.options = options, .context.root.fd = -1};
	if (context_read(&job->context, options, environment, error) < 0 ||
	    contract_read(&job->contract, &job->context.root, options->contract_path, error) < 0 ||
	    expect_read(&job->expect, options, &job->context, &job->findings, error) < 0 ||
	    repo_manifest_read(&job->manifest, &job->context, error) < 0)
		return -1;
	lane_identify(&job->identity, options, &job->context, &job->contract);
	lane_of_label(&job->lane, &job->identity, &job->contract, &job->context, &job->findings);
	report_other_pod(job);
	history_read(&job->history, &job->context, &job->findings);
	attachment_read(&job->attachment, &job->context, &job->manifest, &job->expect);
	choose_endpoints(job);
	judge_attachment(job);
	contract_judge_environment(&job->contract, &job->context, &job->findings);
	job->required = required_promises(job);
	return 0;
}

void job_release(struct job *job)
{
	context_release(&job->context);
	contract_release(&job->contract);
	expect_release(&job->expect);
	repo_manifest_release(&job->manifest);
	lane_identity_release(&job->identity);
	lane_release(&job->lane);
	endpoints_release(&job->endpoints);
	history_release(&job->history);
	findings_release(&job->findings);
}
