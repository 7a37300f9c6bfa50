/* SPDX-License-Identifier: Zlib */
/* The verdict: a cache never stops a job, a broken promise always does. */
#include <string.h>

#include "agent/finding.h"
#include "agent/job.h"
#include "agent/plan.h"
#include "agent/verdict.h"
#include "probes/probe.h"
#include "tests/unit/check.h"

static void weighed_by_what_the_task_is(void **state)
{
	static const struct {
		enum severity severity;
		enum task_kind kind;
		bool is_strict;
		enum outcome outcome;
	} rows[] = {
		{SEVERITY_OK, TASK_PROMISE, false, OUTCOME_READY},
		{SEVERITY_NOTICE, TASK_PROMISE, true, OUTCOME_READY},
		{SEVERITY_WARNING, TASK_PROMISE, false, OUTCOME_DEGRADED},
		{SEVERITY_WARNING, TASK_PROMISE, true, OUTCOME_FAILED},
		{SEVERITY_ERROR, TASK_PROMISE, false, OUTCOME_FAILED},
		{SEVERITY_ERROR, TASK_CACHE, false, OUTCOME_DEGRADED},
		{SEVERITY_ERROR, TASK_CACHE, true, OUTCOME_FAILED},
		{SEVERITY_ERROR, TASK_ADVICE, false, OUTCOME_DEGRADED},
		{SEVERITY_NOTICE, TASK_CACHE, false, OUTCOME_READY},
	};
	static const struct probe probe = {.name = "test"};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct options options = {.is_strict = rows[i].is_strict};
		struct job job;
		struct plan plan = {0};
		struct findings findings = {0};

		memset(&job, 0, sizeof(job));
		job.options = &options;
		plan_add(&plan, &(struct plan_entry){
					.probe = &probe,
					.name = "name",
					.subject = "",
					.kind = rows[i].kind,
					.why = "",
					.deadline_ms = 1,
				});
		findings_add(&findings, FINDING_TASK_SILENT, "test", "", "")->severity =
			SEVERITY_OK;
		findings_add(&findings, FINDING_TASK_CRASHED, "test", "", "")->severity =
			rows[i].severity;
		findings.items[1].task_index = 0;
		verdict_weigh(&findings, &plan);
		assert_int_equal(verdict_outcome(&findings, &job), rows[i].outcome);
		assert_true(findings.items[0].severity >= findings.items[1].severity);
		findings_release(&findings);
		plan_release(&plan);
	}
}

static void the_agents_own_errors_stay_errors(void **state)
{
	struct options options = {0};
	struct job job;
	struct plan plan = {0};
	struct findings findings = {0};

	(void)state;
	memset(&job, 0, sizeof(job));
	job.options = &options;
	findings_note(&findings, FINDING_TASK_CRASHED, "", "no task")->severity = SEVERITY_ERROR;
	verdict_weigh(&findings, &plan);
	assert_int_equal(verdict_outcome(&findings, &job), OUTCOME_FAILED);
	findings_release(&findings);
}

static void the_surface_decides_the_mode(void **state)
{
	static const struct {
		enum surface surface;
		enum mode mode;
		int status;
	} rows[] = {
		{SURFACE_LOCAL, MODE_DEFAULT, 1}, {SURFACE_STEP, MODE_DEFAULT, 1},
		{SURFACE_HOOK, MODE_DEFAULT, 0},  {SURFACE_ENTRYPOINT, MODE_DEFAULT, 0},
		{SURFACE_STEP, MODE_WARN, 0},     {SURFACE_HOOK, MODE_ENFORCE, 1},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct options options = {.mode = rows[i].mode};
		struct job job;

		memset(&job, 0, sizeof(job));
		job.options = &options;
		job.context.surface = rows[i].surface;
		assert_int_equal(verdict_status(OUTCOME_FAILED, &job), rows[i].status);
		assert_int_equal(verdict_status(OUTCOME_DEGRADED, &job), 0);
		assert_int_equal(verdict_status(OUTCOME_READY, &job), 0);
	}
}

static void equal_findings_keep_their_order(void **state)
{
	struct plan plan = {0};
	struct findings findings = {0};

	(void)state;
	findings_note(&findings, FINDING_TASK_CRASHED, "1", "x")->severity = SEVERITY_NOTICE;
	findings_note(&findings, FINDING_TASK_CRASHED, "2", "x")->severity = SEVERITY_WARNING;
	findings_note(&findings, FINDING_TASK_CRASHED, "3", "x")->severity = SEVERITY_NOTICE;
	findings_note(&findings, FINDING_TASK_CRASHED, "4", "x")->severity = SEVERITY_WARNING;
	verdict_weigh(&findings, &plan);
	assert_string_equal(findings.items[0].subject, "2");
	assert_string_equal(findings.items[1].subject, "4");
	assert_string_equal(findings.items[2].subject, "1");
	assert_string_equal(findings.items[3].subject, "3");
	findings_release(&findings);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(weighed_by_what_the_task_is),
		cmocka_unit_test(the_agents_own_errors_stay_errors),
		cmocka_unit_test(the_surface_decides_the_mode),
		cmocka_unit_test(equal_findings_keep_their_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
