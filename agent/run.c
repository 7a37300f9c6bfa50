/* SPDX-License-Identifier: Zlib */
/* The concurrent runner: a process per task, one poll loop over their pipes. */
#include "agent/run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/digest.h"
#include "agent/http.h"
#include "agent/job.h"
#include "agent/mem.h"
#include "agent/plan.h"
#include "agent/task_process.h"
#include "agent/worker.h"
#include "probes/table.h"

struct crew {
	struct worker *workers;
	size_t count;
	const struct job *job;
	struct sandbox *sandbox;
	int64_t phase_end_us;
};

int64_t run_clock_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
}

/* In the child: the pipes of the tasks that were started before are none of its business. */
static void leave_the_crew(const struct crew *crew, int own_end)
{
	close(own_end);
	for (size_t i = 0; i < crew->count; i++)
		if (crew->workers[i].fd >= 0)
			close(crew->workers[i].fd);
}

/* Whether a worker has come to the state FIRST and is not gone. */
static bool is_any(const struct crew *crew, enum worker_state first)
{
	for (size_t i = 0; i < crew->count; i++)
		if (crew->workers[i].state >= first && crew->workers[i].state != WORKER_GONE)
			return true;
	return false;
}

static void leave_out(struct worker *worker)
{
	worker->verdict = TASK_END_NOT_STARTED;
	worker->state = WORKER_GONE;
}

/* CALL has failed, by errno. When another process has ended there may be room for this one. */
static void put_off(const struct crew *crew, struct worker *worker, const char *call)
{
	(void)snprintf(worker->decoder.phase, sizeof(worker->decoder.phase), "%s: %s%s", call,
		       strerror(errno), task_end_limit(errno));
	worker->deadline_us = crew->phase_end_us;
	if (!is_any(crew, WORKER_TALKING))
		leave_out(worker);
}

static void start(struct crew *crew, size_t index, struct run *run)
{
	struct worker *worker = &crew->workers[index];
	const struct task *task = worker->result->task;
	pid_t parent = getpid();
	int pipe_fds[2];

	worker->result->start_us = run_clock_us() - run->started_us;
	record_decoder_init(&worker->decoder, task->probe->name,
			    (int)(worker->result - run->results), &run->facts, &run->findings);
	if (pipe2(pipe_fds, O_CLOEXEC) < 0) {
		put_off(crew, worker, "pipe");
		return;
	}
	worker->pid = fork();
	if (worker->pid == 0) {
		leave_the_crew(crew, pipe_fds[0]);
		task_process(crew->job, task, crew->sandbox, pipe_fds[1], parent);
	}
	if (worker->pid < 0)
		put_off(crew, worker, "fork");
	close(pipe_fds[1]);
	if (worker->pid < 0) {
		close(pipe_fds[0]);
		return;
	}
	(void)setpgid(worker->pid, worker->pid);
	(void)fcntl(pipe_fds[0], F_SETFL, O_NONBLOCK);
	worker->fd = pipe_fds[0];
	worker->state = WORKER_TALKING;
	worker->end_us = run_clock_us() + task->deadline_ms * INT64_C(1000);
	worker->deadline_us = worker->end_us;
	if (worker->deadline_us > crew->phase_end_us && !task->has_own_deadline)
		worker->deadline_us = crew->phase_end_us;
}

/* Starts the tasks whose sandbox is PROFILE; what only they need is made ready just before. */
static void start_profile(struct crew *crew, enum sandbox_profile profile, struct run *run)
{
	bool is_ready = false;

	for (size_t i = 0; i < crew->count; i++) {
		if (crew->workers[i].result->task->probe->sandbox != profile)
			continue;
		if (!is_ready && (profile == SANDBOX_NETWORK || profile == SANDBOX_SOCKETS)) {
			digest_initialise();
			http_initialise();
		}
		if (!is_ready)
			sandbox_prepare(crew->sandbox, profile);
		is_ready = true;
		start(crew, i, run);
	}
}

/* Who waits for others goes first, so that its filter's compilation is the only one it waits for. */
static void start_all(struct crew *crew, struct run *run)
{
	static const enum sandbox_profile order[] = {
		SANDBOX_DAEMON,  SANDBOX_TOOL,    SANDBOX_DRIVER,
		SANDBOX_SOCKETS, SANDBOX_NETWORK, SANDBOX_FILES,
	};

	enum { COUNT = sizeof(order) / sizeof(order[0]) };

	/* All but SANDBOX_UNPACK, which is no probe's. */
	_Static_assert(COUNT == SANDBOX_PROFILE_COUNT - 1, "one is missing");
	for (size_t i = 0; i < COUNT; i++)
		start_profile(crew, order[i], run);
}

/* Those that found no room before. A filter may have found none either. */
static void start_waiting(struct crew *crew, struct run *run)
{
	for (size_t i = 0; i < crew->count; i++) {
		struct worker *worker = &crew->workers[i];

		if (worker->state != WORKER_IDLE)
			continue;
		if (run_clock_us() >= crew->phase_end_us) {
			leave_out(worker);
			continue;
		}
		sandbox_prepare(crew->sandbox, worker->result->task->probe->sandbox);
		start(crew, i, run);
	}
}

/* Sleeps until a pipe speaks, a child ends (SIGCHLD) or the next deadline. */
static void wait_for_news(const struct crew *crew, struct pollfd *polls, const sigset_t *mask)
{
	int64_t next_us = INT64_MAX, wait_us;
	struct timespec timeout;

	for (size_t i = 0; i < crew->count; i++) {
		const struct worker *worker = &crew->workers[i];

		polls[i] = (struct pollfd){.fd = worker->fd, .events = POLLIN};
		if (worker->state != WORKER_GONE && worker->deadline_us < next_us)
			next_us = worker->deadline_us;
	}
	wait_us = next_us - run_clock_us();
	if (wait_us < 0)
		wait_us = 0;
	timeout = (struct timespec){
		.tv_sec = wait_us / 1000000,
		.tv_nsec = wait_us % 1000000 * 1000,
	};
	(void)ppoll(polls, crew->count, &timeout, mask); /* the pipes are read without blocking */
}

static void serve(struct crew *crew, struct run *run)
{
	for (size_t i = 0; i < crew->count; i++)
		worker_serve(&crew->workers[i], run, crew->phase_end_us);
}

static void on_child(int number)
{
	(void)number; /* only there to interrupt ppoll */
}

static void run_crew(struct crew *crew, struct run *run)
{
	CLEANUP_FREE struct pollfd *polls = mem_alloc(crew->count, sizeof(*polls));
	struct sigaction action = {.sa_handler = on_child}, old_action;
	sigset_t child, old_mask, waiting_mask;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	(void)sigprocmask(SIG_BLOCK, &child, &old_mask);
	(void)sigaction(SIGCHLD, &action, &old_action);
	waiting_mask = old_mask;
	sigdelset(&waiting_mask, SIGCHLD);
	start_all(crew, run);
	while (is_any(crew, WORKER_IDLE)) {
		wait_for_news(crew, polls, &waiting_mask);
		serve(crew, run);
		start_waiting(crew, run);
	}
	(void)sigaction(SIGCHLD, &old_action, NULL);
	(void)sigprocmask(SIG_SETMASK, &old_mask, NULL);
}

/* The lowest level counts. Programs of the image run under a looser profile by design: they say
 * nothing of what the kernel grants. Returns whether this worker's level was noted. */
static bool note_sandbox(struct run *run, const struct worker *worker, bool is_first)
{
	if (worker->pid <= 0 || worker->result->task->probe->sandbox == SANDBOX_TOOL)
		return false;
	if (is_first || worker->decoder.sandbox < run->sandbox)
		run->sandbox = worker->decoder.sandbox;
	return true;
}

static void collect(const struct crew *crew, struct run *run, bool is_first)
{
	for (size_t i = 0; i < crew->count; i++) {
		const struct worker *worker = &crew->workers[i];

		if (worker->pid <= 0) {
			worker->result->end = TASK_END_NOT_STARTED;
			memcpy(worker->result->phase, worker->decoder.phase,
			       sizeof(worker->result->phase));
		}
		task_end_report(worker->result, worker->decoder.task_index, &run->findings);
		is_first &= !note_sandbox(run, worker, is_first);
	}
	for (size_t i = 0; i < run->findings.count; i++) {
		struct finding *finding = &run->findings.items[i];

		if (finding->task_index >= 0)
			finding->took_ms = run->results[finding->task_index].took_us / 1000;
	}
}

/* Runs COUNT tasks from FIRST on. */
static void run_some(struct run *run, const struct job *job, size_t first, size_t count,
		     int64_t phase_end_us)
{
	struct crew crew = {.job = job, .count = count, .phase_end_us = phase_end_us};

	crew.workers = mem_alloc(count, sizeof(*crew.workers));
	for (size_t i = 0; i < count; i++) {
		crew.workers[i].result = &run->results[first + i];
		crew.workers[i].fd = -1;
	}
	crew.sandbox = sandbox_new(job->context.root.is_confined);
	run_crew(&crew, run);
	collect(&crew, run, count == run->count);
	sandbox_free(crew.sandbox);
	free(crew.workers);
	run->elapsed_us = run_clock_us() - run->started_us;
}

void run_tasks(struct run *run, const struct job *job, const struct plan *plan,
	       unsigned int all_deadline_ms)
{
	run->started = (int64_t)time(NULL);
	run->started_us = run_clock_us();
	run->results = mem_alloc(plan->count, sizeof(*run->results));
	run->count = plan->count;
	for (size_t i = 0; i < plan->count; i++)
		run->results[i].task = &plan->tasks[i];
	run_some(run, job, 0, plan->count, run->started_us + all_deadline_ms * INT64_C(1000));
}

void run_task_again(struct run *run, const struct job *job, size_t index)
{
	const struct task *task = run->results[index].task;

	findings_drop(&run->findings, (int)index);
	facts_forget(&run->facts, task->probe->name);
	run->results[index] = (struct task_result){.task = task};
	run_some(run, job, index, 1, run_clock_us() + task->deadline_ms * INT64_C(1000));
}

void run_release(struct run *run)
{
	free(run->results);
	facts_release(&run->facts);
	findings_release(&run->findings);
	*run = (struct run){0};
}
