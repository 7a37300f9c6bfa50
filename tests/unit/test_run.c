/* SPDX-License-Identifier: Zlib */
/* The runner: whatever a probe's process does, the others and the run itself go on. */
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/job.h"
#include "agent/plan.h"
#include "agent/run.h"
#include "agent/task_process.h"
#include "probes/probe.h"
#include "tests/unit/check.h"

static void no_plan(const struct job *job, struct plan *plan)
{
	(void)job;
	(void)plan;
}

#define PROBE(function)                                                                            \
	{                                                                                          \
		.name = "test", .summary = "", .sandbox = SANDBOX_TOOL,                            \
		.enters_sandbox_itself = true, .plan = no_plan, .run = function                    \
	}

static void speak(const struct job *job, const struct task *task, struct channel *channel)
{
	(void)job;
	channel_phase(channel, "speaking");
	channel_string(channel, "test.word", task->subject);
	channel_finding(channel, FINDING_TASK_SILENT, task->subject, NULL, "spoke");
}

static void stay_silent(const struct job *job, const struct task *task, struct channel *channel)
{
	(void)job;
	(void)task;
	(void)channel;
}

static void hang(const struct job *job, const struct task *task, struct channel *channel)
{
	(void)job;
	(void)task;
	channel_phase(channel, "hanging");
	for (;;)
		pause();
}

static void spin(const struct job *job, const struct task *task, struct channel *channel)
{
	(void)job;
	(void)task;
	(void)channel;
	for (volatile unsigned int i = 0;; i++)
		continue;
}

static void crash(const struct job *job, const struct task *task, struct channel *channel)
{
	(void)job;
	(void)task;
	channel_phase(channel, "crashing");
	(void)signal(SIGSEGV, SIG_DFL);
	(void)raise(SIGSEGV);
}

static void break_the_sandbox(const struct job *job, const struct task *task,
			      struct channel *channel)
{
	(void)job;
	(void)task;
	(void)channel;
	(void)signal(SIGSYS, SIG_DFL);
	(void)raise(SIGSYS);
}

static void talk_nonsense(const struct job *job, const struct task *task, struct channel *channel)
{
	(void)job;
	(void)task;
	(void)!write(channel->fd, "\xff\xff\xff\xff nonsense", 13);
	for (;;)
		pause();
}

/* A pod that is out of its CPU quota takes its time between the pipe's end and the process's own. */
static void end_slowly(const struct job *job, const struct task *task, struct channel *channel)
{
	(void)job;
	channel_finding(channel, FINDING_TASK_SILENT, task->subject, NULL, "spoke");
	(void)close(channel->fd);
	(void)poll(NULL, 0, 250);
}

/* As a driver that takes its time to start. */
static void speak_late(const struct job *job, const struct task *task, struct channel *channel)
{
	(void)job;
	(void)poll(NULL, 0, 100);
	channel_finding(channel, FINDING_TASK_SILENT, task->subject, NULL, "spoke");
}

/* Leaves a process in its group that would live on, and that keeps the pipe open. */
static void leave_a_child(const struct job *job, const struct task *task, struct channel *channel)
{
	(void)job;
	(void)task;
	channel_finding(channel, FINDING_TASK_SILENT, "", NULL, "spoke");
	if (fork() == 0)
		for (;;)
			pause();
}

static void add_task(struct plan *plan, const struct probe *probe, unsigned int deadline_ms)
{
	plan_add(plan, &(struct plan_entry){
			       .probe = probe,
			       .name = "name",
			       .subject = "subject",
			       .kind = TASK_PROMISE,
			       .why = "why",
			       .deadline_ms = deadline_ms,
		       });
}

static void run_all(struct run *run, struct plan *plan, unsigned int deadline_ms)
{
	struct job job;

	memset(&job, 0, sizeof(job));
	run_tasks(run, &job, plan, deadline_ms);
}

static void each_end_is_told_apart(void **state)
{
	static const struct probe probes[] = {
		PROBE(speak),      PROBE(stay_silent),       PROBE(hang),
		PROBE(crash),      PROBE(break_the_sandbox), PROBE(talk_nonsense),
		PROBE(end_slowly),
	};
	static const enum task_end ends[] = {
		TASK_END_DONE,    TASK_END_SILENT, TASK_END_TIMEOUT, TASK_END_CRASHED,
		TASK_END_SANDBOX, TASK_END_BROKEN, TASK_END_DONE,
	};
	struct plan plan = {0};
	struct run run = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(probes); i++)
		add_task(&plan, &probes[i], 300);
	run_all(&run, &plan, 5000);
	for (size_t i = 0; i < COUNT(probes); i++)
		assert_int_equal(run.results[i].end, ends[i]);
	assert_string_equal(run.results[2].phase, "hanging");
	assert_string_equal(run.results[3].phase, "crashing");
	assert_string_equal(facts_string(&run.facts, "test.word"), "subject");
	/* One finding of the one that spoke, one of the runner for each other end. */
	assert_int_equal(run.findings.count, COUNT(probes));
	assert_non_null(findings_find(&run.findings, FINDING_TASK_TIMEOUT));
	assert_non_null(
		strstr(findings_find(&run.findings, FINDING_TASK_TIMEOUT)->detail, "hanging"));
	assert_non_null(strstr(findings_find(&run.findings, FINDING_TASK_CRASHED)->detail,
			       "name: crashed by signal 11 after "));
	assert_non_null(findings_find(&run.findings, FINDING_TASK_SANDBOX));
	assert_non_null(findings_find(&run.findings, FINDING_TASK_BROKEN));
	run_release(&run);
	plan_release(&plan);
}

/* Room for one process at a time: each waits for another's end. */
static void a_limit_of_descriptors_only_takes_time(void **state)
{
	const struct probe probe = PROBE(speak);
	int lowest = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct rlimit before, low;
	struct plan plan = {0};
	struct run run = {0};

	(void)state;
	close(lowest);
	for (size_t i = 0; i < 5; i++)
		add_task(&plan, &probe, 5000);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	low = before;
	low.rlim_cur = (rlim_t)lowest + 2;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	run_all(&run, &plan, 20000);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(run.results[i].end, TASK_END_DONE);
	assert_int_equal(run.findings.count, 5);
	run_release(&run);
	plan_release(&plan);
}

static void the_phase_deadline_bounds_all(void **state)
{
	static const struct probe probe = PROBE(hang);
	struct plan plan = {0};
	struct run run = {0};

	(void)state;
	for (int i = 0; i < 4; i++)
		add_task(&plan, &probe, 600000);
	run_all(&run, &plan, 100);
	for (size_t i = 0; i < plan.count; i++)
		assert_int_equal(run.results[i].end, TASK_END_TIMEOUT);
	run_release(&run);
	plan_release(&plan);
}

/* A deadline of its own is heeded where the one of all proofs is long over, and is a deadline still. */
static void a_deadline_of_its_own_is_not_cut(void **state)
{
	static const struct probe slow = PROBE(speak_late), stuck = PROBE(hang);
	struct plan plan = {0};
	struct run run = {0};

	(void)state;
	for (int i = 0; i < 2; i++)
		plan_add(&plan, &(struct plan_entry){
					.probe = i == 0 ? &slow : &stuck,
					.name = "name",
					.subject = "",
					.kind = TASK_PROMISE,
					.why = "why",
					.deadline_ms = i == 0 ? 600000 : 300,
					.has_own_deadline = true,
				});
	run_all(&run, &plan, 1);
	assert_int_equal(run.results[0].end, TASK_END_DONE);
	assert_int_equal(run.results[1].end, TASK_END_TIMEOUT);
	run_release(&run);
	plan_release(&plan);
}

/* Moves this process to the first processor that it may use. */
static void share_a_processor(void)
{
	cpu_set_t allowed, first;
	int cpu = 0;

	CPU_ZERO(&first);
	(void)sched_getaffinity(0, sizeof(allowed), &allowed);
	while (!CPU_ISSET(cpu, &allowed))
		cpu++;
	CPU_SET(cpu, &first);
	(void)sched_setaffinity(0, sizeof(first), &first);
}

static void spin_for(int64_t duration_us)
{
	int64_t end_us = run_clock_us() + duration_us;

	while (run_clock_us() < end_us)
		continue;
}

/* Gets a processor only when nobody else wants it, and has a little to compute. */
static void starve(const struct job *job, const struct task *task, struct channel *channel)
{
	const struct sched_param none = {0};

	(void)job;
	share_a_processor();
	(void)sched_setscheduler(0, SCHED_IDLE, &none);
	spin_for(50000);
	channel_finding(channel, FINDING_TASK_SILENT, task->subject, NULL, "spoke");
}

static void time_without_a_processor_does_not_count(void **state)
{
	static const struct probe probe = PROBE(starve);
	struct plan plan = {0};
	struct run run = {0};
	pid_t rival = fork();

	(void)state;
	if (rival == 0) {
		share_a_processor();
		spin_for(1000000);
		_exit(0);
	}
	add_task(&plan, &probe, 100);
	run_all(&run, &plan, 100);
	assert_int_equal(run.results[0].end, TASK_END_DONE);
	assert_int_equal(waitpid(rival, NULL, 0), rival);
	run_release(&run);
	plan_release(&plan);
}

/* That a process could go on is no reason to wait for one that never comes to an end. */
static void one_that_goes_round_in_circles_is_stopped(void **state)
{
	static const struct probe probe = PROBE(spin);
	struct plan plan = {0};
	struct run run = {0};

	(void)state;
	add_task(&plan, &probe, 100);
	run_all(&run, &plan, 5000);
	assert_int_equal(run.results[0].end, TASK_END_TIMEOUT);
	run_release(&run);
	plan_release(&plan);
}

static void nothing_is_left_behind(void **state)
{
	static const struct probe probe = PROBE(leave_a_child);
	struct plan plan = {0};
	struct run run = {0};

	(void)state;
	add_task(&plan, &probe, 200);
	run_all(&run, &plan, 5000);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	run_release(&run);
	plan_release(&plan);
}

/* Between fork and the request to end with the parent, the parent may have ended. */
static void an_orphan_does_not_begin(void **state)
{
	static const struct probe probe = PROBE(speak);
	struct task task = {.probe = &probe, .subject = (char *)(uintptr_t) "subject"};
	int fds[2], status;
	char byte;
	pid_t pid;

	(void)state;
	for (int is_orphan = 0; is_orphan <= 1; is_orphan++) {
		assert_int_equal(pipe(fds), 0);
		pid = fork();
		if (pid == 0)
			task_process(NULL, &task, NULL, fds[1], is_orphan ? 1 : getppid());
		close(fds[1]);
		assert_int_equal(read(fds[0], &byte, 1), is_orphan ? 0 : 1);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		close(fds[0]);
	}
}

static void an_empty_plan_is_fine(void **state)
{
	struct plan plan = {0};
	struct run run = {0};

	(void)state;
	run_all(&run, &plan, 100);
	assert_int_equal(run.count, 0);
	run_release(&run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_end_is_told_apart),
		cmocka_unit_test(a_limit_of_descriptors_only_takes_time),
		cmocka_unit_test(the_phase_deadline_bounds_all),
		cmocka_unit_test(a_deadline_of_its_own_is_not_cut),
		cmocka_unit_test(time_without_a_processor_does_not_count),
		cmocka_unit_test(one_that_goes_round_in_circles_is_stopped),
		cmocka_unit_test(nothing_is_left_behind),
		cmocka_unit_test(an_orphan_does_not_begin),
		cmocka_unit_test(an_empty_plan_is_fine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
