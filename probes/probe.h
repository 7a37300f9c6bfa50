/* SPDX-License-Identifier: Zlib */
/* What a probe is. A probe file has two halves: collect (system calls into a plain struct) and
 * judge (that struct into findings; pure, tested by tables). */
#pragma once

#include "agent/job.h"
#include "agent/plan.h"
#include "agent/record.h"
#include "agent/sandbox.h"

struct probe {
	const char *name;             /* "attic"; the first segment of its facts */
	const char *summary;          /* one line for help: what it proves */
	const char *argument;         /* what `spinup probe NAME` takes: "[URL]" or NULL */
	unsigned int promise;         /* enum lane_promise bits that it proves */
	enum sandbox_profile sandbox; /* entered by the runner before run() is called, unless … */
	bool enters_sandbox_itself; /* … it opens something first and then calls channel_lock() */

	/* Adds its tasks for this job to PLAN (none is fine). No I/O. */
	void (*plan)(const struct job *job, struct plan *plan);

	/* In the task's own process: proves, and speaks through CHANNEL. Says at least one finding. */
	void (*run)(const struct job *job, const struct task *task, struct channel *channel);
};
