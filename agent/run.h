/* SPDX-License-Identifier: Zlib */
/* The concurrent runner: a process per task, one poll loop over their pipes, deadlines. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "agent/facts.h"
#include "agent/finding.h"
#include "agent/record_format.h"
#include "agent/sandbox.h"
#include "agent/task_end.h"

struct job;
struct plan;
struct task;

struct task_result {
	const struct task *task;
	enum task_end end;
	int64_t start_us; /* since the run began */
	int64_t took_us;
	int wait_status; /* as waitpid gives it; 0 where it was stopped or left behind */
	char phase[RECORD_PHASE_BYTES]; /* the last one named */
};

struct run {
	struct task_result *results; /* one per task, in the plan's order */
	size_t count;
	struct facts facts;
	struct findings findings;
	enum sandbox_level sandbox; /* the lowest level that a child reached */
	int64_t started;            /* wall clock, seconds since the epoch */
	int64_t started_us;         /* monotonic */
	int64_t elapsed_us;
};

/* Runs all tasks of PLAN side by side and appends their facts and findings, and a finding for
 * every task that timed out, crashed, or said nothing. ALL_DEADLINE_MS bounds the whole phase, but
 * for tasks with a deadline of their own. */
void run_tasks(struct run *run, const struct job *job, const struct plan *plan,
	       unsigned int all_deadline_ms);

/* Runs the task INDEX of the plan once more. What it said and measured before is forgotten. */
void run_task_again(struct run *run, const struct job *job, size_t index);

void run_release(struct run *run);

/* Monotonic microseconds. */
int64_t run_clock_us(void);
