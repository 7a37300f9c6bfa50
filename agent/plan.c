/* SPDX-License-Identifier: Zlib */
/* What will be probed, and why. */
#include "agent/plan.h"

#include <stdlib.h>
#include <string.h>

#include "agent/cleanup.h"
#include "agent/error.h"
#include "agent/finding.h"
#include "agent/job.h"
#include "agent/mem.h"
#include "agent/strbuf.h"
#include "probes/table.h"

const char *task_kind_name(enum task_kind kind)
{
	static const char *const names[] = {
		[TASK_PROMISE] = "promise",
		[TASK_CACHE] = "cache",
		[TASK_ADVICE] = "advice",
	};

	return names[kind];
}

void plan_add(struct plan *plan, const struct plan_entry *entry)
{
	plan->tasks = mem_grow(plan->tasks, plan->count + 1, sizeof(*plan->tasks));
	plan->tasks[plan->count++] = (struct task){
		.probe = entry->probe,
		.name = mem_strdup(entry->name),
		.subject = mem_strdup(entry->subject),
		.why = mem_strdup(entry->why),
		.kind = entry->kind,
		.deadline_ms = entry->deadline_ms,
		.has_own_deadline = entry->has_own_deadline,
	};
}

static void task_release(struct task *task)
{
	free(task->name);
	free(task->subject);
	free(task->why);
}

void plan_release(struct plan *plan)
{
	for (size_t i = 0; i < plan->count; i++)
		task_release(&plan->tasks[i]);
	free(plan->tasks);
	*plan = (struct plan){0};
}

static bool is_skipped(const struct job *job, const struct probe *probe)
{
	for (size_t i = 0; job->options->skip[i]; i++)
		if (strcmp(job->options->skip[i], probe->name) == 0)
			return true;
	return false;
}

/* Returns the enum lane_promise bits that a probe of the table can prove. */
static unsigned int provable(const struct job *job)
{
	unsigned int bits = 0;

	for (size_t i = 0; probe_table[i]; i++)
		if (!is_skipped(job, probe_table[i]))
			bits |= probe_table[i]->promise;
	return bits;
}

/* The promises of this job: a cache is one only where it was required. */
static unsigned int promised(const struct job *job)
{
	unsigned int bits = job->required;

	if (!job->endpoints.attic.is_promise)
		bits &= ~(unsigned int)LANE_ATTIC;
	if (!job->endpoints.bazel.is_promise)
		bits &= ~(unsigned int)LANE_BAZEL;
	return bits;
}

static void report_unproven(const struct job *job, struct findings *findings)
{
	unsigned int missing = promised(job) & ~provable(job);

	for (unsigned int bit = 1; bit && bit <= missing; bit <<= 1)
		if (missing & bit)
			findings_note(findings, FINDING_PROMISE_NOT_CHECKED,
				      lane_promise_name((enum lane_promise)bit),
				      "the promise %s was not proven in this run",
				      lane_promise_name((enum lane_promise)bit));
}

static int check_names(const struct job *job, struct error *error)
{
	CLEANUP_STRBUF struct strbuf known = STRBUF_INIT(256);

	lane_promise_names(~0u, &known);
	for (size_t i = 0; job->options->skip[i]; i++)
		if (!probe_find(job->options->skip[i]))
			return error_set(
				error, ERROR_USAGE,
				"--skip %.64s: there is no such probe; `spinup probe` lists them",
				job->options->skip[i]);
	for (size_t i = 0; job->options->require[i]; i++)
		if (!lane_promise_by_name(job->options->require[i]))
			return error_set(error, ERROR_USAGE,
					 "--require %.64s: nothing of that name can be promised "
					 "(%s)",
					 job->options->require[i], known.data);
	return 0;
}

int plan_make(struct plan *plan, const struct job *job, struct findings *findings,
	      struct error *error)
{
	*plan = (struct plan){0};
	if (check_names(job, error) < 0)
		return -1;
	for (size_t i = 0; probe_table[i]; i++)
		if (!is_skipped(job, probe_table[i]))
			probe_table[i]->plan(job, plan);
	report_unproven(job, findings);
	return 0;
}
