/* SPDX-License-Identifier: Zlib */
/* The ends of tasks: their names, and what is said of those that are not well. */
#include "agent/task_end.h"

#include <errno.h>
#include <stddef.h>
#include <sys/wait.h>

#include "agent/cleanup.h"
#include "agent/finding.h"
#include "agent/mem.h"
#include "agent/plan.h"
#include "agent/run.h"
#include "probes/table.h"

const char *task_end_name(enum task_end end)
{
	static const char *const names[] = {
		[TASK_END_DONE] = "done",
		[TASK_END_SILENT] = "silent",
		[TASK_END_TIMEOUT] = "timeout",
		[TASK_END_CRASHED] = "crashed",
		[TASK_END_SANDBOX] = "sandbox",
		[TASK_END_BROKEN] = "broken",
		[TASK_END_NOT_STARTED] = "not-started",
	};

	return names[end];
}

const char *task_end_limit(int number)
{
	static const struct {
		int number;
		const char *text;
	} limits[] = {
		{EAGAIN, " (the limit of processes: ulimit -u, or the container's pids)"},
		{EMFILE, " (the limit of open files: ulimit -n)"},
		{ENFILE, " (the machine's limit of open files: fs.file-max)"},
		{ENOMEM, " (the limit of memory)"},
	};

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		if (limits[i].number == number)
			return limits[i].text;
	return "";
}

/* Of a process that crashed; "" where it had not ended, or was not whole. The caller frees. */
static char *manner_of(const struct task_result *result)
{
	int status = result->end == TASK_END_CRASHED ? result->wait_status : 0;

	if (WIFSIGNALED(status))
		return mem_format(" by signal %d", WTERMSIG(status));
	return status ? mem_format(" with status %d", WEXITSTATUS(status)) : mem_strdup("");
}

static char *describe(const struct task_result *result)
{
	CLEANUP_FREE char *manner = manner_of(result);
	const char *name = result->task->name;

	if (result->end == TASK_END_NOT_STARTED)
		return mem_format("%s: not started: %s", name, result->phase);
	return mem_format("%s: %s%s after %lld ms%s%s", name, task_end_name(result->end), manner,
			  (long long)(result->took_us / 1000),
			  result->phase[0] ? ", at step: " : "", result->phase);
}

void task_end_report(const struct task_result *result, int task_index, struct findings *findings)
{
	static const enum finding_id ids[] = {
		[TASK_END_SILENT] = FINDING_TASK_SILENT,
		[TASK_END_TIMEOUT] = FINDING_TASK_TIMEOUT,
		[TASK_END_CRASHED] = FINDING_TASK_CRASHED,
		[TASK_END_SANDBOX] = FINDING_TASK_SANDBOX,
		[TASK_END_BROKEN] = FINDING_TASK_BROKEN,
		[TASK_END_NOT_STARTED] = FINDING_TASK_NOT_STARTED,
	};
	CLEANUP_FREE char *detail = NULL;
	struct finding *finding;

	if (result->end == TASK_END_DONE)
		return;
	detail = describe(result);
	finding = findings_add(findings, ids[result->end], result->task->probe->name,
			       result->task->subject, detail);
	finding->task_index = task_index;
}
