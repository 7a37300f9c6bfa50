/* SPDX-License-Identifier: Zlib */
/* From a task's first word to its process's end. */
#include "agent/worker.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/plan.h"
#include "agent/run.h"
#include "agent/starvation.h"

/* After its pipe's end a process is gone within microseconds, but a pod out of its CPU quota stands
 * still for a tenth of a second at a time. One that was killed has its verdict already. */
#define END_GRACE_US 1000000
#define KILL_GRACE_US 100000
/* For a process that waits for a processor. */
#define LOOK_AGAIN_US 50000
#define MAX_WAIT_US 10000000

/* Whether the worker has had its time. What the machine kept its process and this one from running is
 * given back; one that waits for a processor at this moment gets a little more, again and again. Any time
 * may pass between two lines here: so the state is asked for before the time that ends with it. */
static bool is_over(struct worker *worker, int64_t phase_end_us)
{
	int64_t now_us = run_clock_us(), given_us, limit_us;
	bool is_kept;

	if (now_us < worker->deadline_us || worker->result->task->has_own_deadline)
		return now_us >= worker->deadline_us;
	is_kept = starvation_is_now(worker->pid);
	given_us = starvation_given_us(worker->pid);
	limit_us = phase_end_us + starvation_given_us(0) + given_us;
	worker->deadline_us = worker->end_us + given_us;
	if (worker->state == WORKER_TALKING && worker->deadline_us > limit_us)
		worker->deadline_us = limit_us;
	if (is_kept && worker->deadline_us <= now_us && now_us < limit_us + MAX_WAIT_US)
		worker->deadline_us = now_us + LOOK_AGAIN_US;
	return worker->deadline_us <= now_us;
}

static void begin_ending(struct worker *worker)
{
	bool is_killed = worker->verdict != TASK_END_DONE;

	close(worker->fd);
	worker->fd = -1;
	worker->state = WORKER_ENDING;
	worker->end_us = run_clock_us() + (is_killed ? KILL_GRACE_US : END_GRACE_US);
	worker->deadline_us = worker->end_us;
}

static void stop(struct worker *worker, enum task_end verdict)
{
	worker->verdict = verdict;
	(void)kill(-worker->pid, SIGKILL);
	(void)kill(worker->pid, SIGKILL);
	begin_ending(worker);
}

static void listen_to(struct worker *worker)
{
	uint8_t bytes[4096];
	ssize_t length;

	while ((length = read(worker->fd, bytes, sizeof(bytes))) > 0) {
		if (record_feed(&worker->decoder, bytes, (size_t)length) < 0) {
			stop(worker, TASK_END_BROKEN);
			return;
		}
	}
	if (length < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	begin_ending(worker);
}

static enum task_end judge_end(const struct worker *worker, int status)
{
	if (worker->verdict != TASK_END_DONE)
		return worker->verdict;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
		return TASK_END_SANDBOX;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return TASK_END_CRASHED;
	if (!record_is_complete(&worker->decoder))
		return TASK_END_BROKEN;
	return worker->decoder.found ? TASK_END_DONE : TASK_END_SILENT;
}

static void finish(struct worker *worker, const struct run *run, enum task_end end)
{
	struct task_result *result = worker->result;

	result->end = end;
	result->took_us = run_clock_us() - run->started_us - result->start_us;
	(void)snprintf(result->phase, sizeof(result->phase), "%s", worker->decoder.phase);
	worker->state = WORKER_GONE;
}

/* Reaps without waiting: a process that is stuck in the kernel is left behind. */
static void try_reap(struct worker *worker, const struct run *run, bool is_late)
{
	siginfo_t info = {0};
	int status = 0;

	/* As long as it is not reaped, its number and its group's are nobody else's. */
	(void)waitid(P_PID, (id_t)worker->pid, &info, WEXITED | WNOHANG | WNOWAIT);
	if (info.si_pid == worker->pid) {
		(void)kill(-worker->pid, SIGKILL); /* what it may have left in its group */
		(void)waitpid(worker->pid, &status, 0);
		worker->result->wait_status = status;
		finish(worker, run, judge_end(worker, status));
	} else if (is_late) {
		(void)kill(-worker->pid, SIGKILL);
		finish(worker, run,
		       worker->verdict == TASK_END_DONE ? TASK_END_CRASHED : worker->verdict);
	}
}

void worker_serve(struct worker *worker, const struct run *run, int64_t phase_end_us)
{
	enum worker_state state = worker->state;
	/* Asked first: what it says and whether it ends meanwhile counts. */
	bool is_late = (state == WORKER_TALKING || state == WORKER_ENDING) &&
		       is_over(worker, phase_end_us);

	if (state == WORKER_TALKING)
		listen_to(worker);
	if (worker->state == WORKER_TALKING && is_late)
		stop(worker, TASK_END_TIMEOUT);
	if (worker->state == WORKER_ENDING)
		try_reap(worker, run, is_late && state == WORKER_ENDING);
}
