/* SPDX-License-Identifier: Zlib */
/* Findings and lane become one word. */
#include "agent/verdict.h"

#include <stdlib.h>

#include "agent/finding.h"
#include "agent/job.h"
#include "agent/mem.h"
#include "agent/plan.h"

/* An error is what fails a promise; anything else that fails only degrades the lane. */
static enum severity weigh(const struct finding *finding, const struct plan *plan)
{
	if (finding->severity != SEVERITY_ERROR || finding->task_index < 0)
		return finding->severity;
	if (plan->tasks[finding->task_index].kind == TASK_PROMISE)
		return SEVERITY_ERROR;
	return SEVERITY_WARNING;
}

/* Insertion sort: stable, and lists are short. */
static void sort_by_severity(struct findings *findings)
{
	for (size_t i = 1; i < findings->count; i++) {
		struct finding moving = findings->items[i];
		size_t at = i;

		while (at > 0 && findings->items[at - 1].severity < moving.severity) {
			findings->items[at] = findings->items[at - 1];
			at--;
		}
		findings->items[at] = moving;
	}
}

void verdict_weigh(struct findings *findings, const struct plan *plan)
{
	for (size_t i = 0; i < findings->count; i++)
		findings->items[i].severity = weigh(&findings->items[i], plan);
	sort_by_severity(findings);
}

enum outcome verdict_outcome(const struct findings *findings, const struct job *job)
{
	enum severity worst = SEVERITY_OK;

	for (size_t i = 0; i < findings->count; i++)
		if (findings->items[i].severity > worst)
			worst = findings->items[i].severity;
	if (worst == SEVERITY_ERROR)
		return OUTCOME_FAILED;
	if (worst == SEVERITY_WARNING)
		return job->options->is_strict ? OUTCOME_FAILED : OUTCOME_DEGRADED;
	return OUTCOME_READY;
}

const char *outcome_name(enum outcome outcome)
{
	static const char *const names[] = {
		[OUTCOME_READY] = "ready",
		[OUTCOME_DEGRADED] = "degraded",
		[OUTCOME_FAILED] = "failed",
	};

	return names[outcome];
}

enum mode verdict_mode(const struct job *job)
{
	enum surface surface = job->context.surface;

	if (job->options->mode != MODE_DEFAULT)
		return job->options->mode;
	if (surface == SURFACE_HOOK || surface == SURFACE_ENTRYPOINT)
		return MODE_WARN;
	return MODE_ENFORCE;
}

int verdict_status(enum outcome outcome, const struct job *job)
{
	return outcome == OUTCOME_FAILED && verdict_mode(job) == MODE_ENFORCE ? 1 : 0;
}
