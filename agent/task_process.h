/* SPDX-License-Identifier: Zlib */
/* The child's side of a task: alone in its process group, silent but for its pipe, locked in. */
#pragma once

#include <sys/types.h>

struct job;
struct sandbox;
struct task;

/* Runs the task's probe, which speaks through FD, and ends the process. Called after fork() of
 * PARENT, with which it ends. */
_Noreturn void task_process(const struct job *job, const struct task *task,
			    const struct sandbox *sandbox, int fd, pid_t parent);
