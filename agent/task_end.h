/* SPDX-License-Identifier: Zlib */
/* How a task's process came to its end. */
#pragma once

struct findings;
struct task_result;

enum task_end {
	TASK_END_DONE,        /* spoke, and exited with 0 */
	TASK_END_SILENT,      /* exited with 0 and said nothing */
	TASK_END_TIMEOUT,     /* passed its deadline, and was killed */
	TASK_END_CRASHED,     /* a signal or a non-zero status */
	TASK_END_SANDBOX,     /* SIGSYS: the agent's own sandbox */
	TASK_END_BROKEN,      /* its records broke the rules */
	TASK_END_NOT_STARTED, /* fork failed, or the probe phase was over before it could start */
};

/* "done", "silent", "timeout", … */
const char *task_end_name(enum task_end end);

/* The limit that an errno of fork or pipe tells of, as words behind the errno's own; "" where it is none. */
const char *task_end_limit(int number);

/* Adds the parent's own finding on a task that did not end well: it crashed, or said nothing, … */
void task_end_report(const struct task_result *result, int task_index, struct findings *findings);
