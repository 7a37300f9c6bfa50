/* SPDX-License-Identifier: Zlib */
/* A task's process, as the parent sees it. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "agent/record.h"
#include "agent/task_end.h"

struct run;
struct task_result;

enum worker_state { WORKER_IDLE, WORKER_TALKING, WORKER_ENDING, WORKER_GONE };

struct worker {
	struct task_result *result;
	struct record_decoder decoder;
	enum worker_state state;
	enum task_end verdict; /* why it was stopped; TASK_END_DONE while it was not */
	pid_t pid;
	int fd;
	int64_t end_us; /* WORKER_TALKING: of the task's time; WORKER_ENDING: of the reaping's */
	int64_t deadline_us; /* when to look whether that is so */
};

/* Takes what it says, and sees to its end: a task that breaks the rules of records, or has had its time, is
 * killed, and a process that has ended is reaped without waiting. */
void worker_serve(struct worker *worker, const struct run *run, int64_t phase_end_us);
