/* SPDX-License-Identifier: Zlib */
/* Runs made by hand. */
#include "tests/unit/sample.h"

#include <stdlib.h>
#include <string.h>

#include "agent/fact_names.h"
#include "agent/mem.h"
#include "probes/table.h"

static const struct probe nix = {.name = "nix"}, dns = {.name = "dns"}, attic = {.name = "attic"},
			  bazel = {.name = "bazel"};

#define ATTIC_URL "http://attic.nix-cache.svc.cluster.local"
#define BAZEL_URL "grpc://bazel-cache.nix-cache.svc.cluster.local:9092"

static void make_job(struct sample *sample)
{
	struct job *job = &sample->job;

	job->options = &sample->options;
	job->context.environment = sample->variables;
	job->context.surface = SURFACE_STEP;
	job->context.audience = AUDIENCE_CLUSTER;
	job->context.privilege = PRIVILEGE_SUDO;
	job->context.uid = 1001;
	job->context.user_name = mem_strdup("runner");
	job->context.temp = mem_strdup("/runner/_work/_temp");
	job->context.attic_token = mem_strdup("attic-token-secret");
	job->identity.label = mem_strdup("tinyland-nix");
	job->identity.source = mem_strdup("RUNNER_NAME");
	job->identity.confidence = LANE_MATCHED;
	job->lane.label = mem_strdup("tinyland-nix");
	job->lane.promises = LANE_NIX | LANE_ATTIC | LANE_BAZEL;
	job->endpoints.attic.url = mem_strdup(ATTIC_URL);
	job->endpoints.attic.source = mem_strdup("contract");
	job->endpoints.bazel.url = mem_strdup(BAZEL_URL);
	job->endpoints.bazel.source = mem_strdup("contract");
	sample_set(sample, "GITHUB_ACTIONS=true");
	sample_set(sample, "GITHUB_ENV=/runner/_work/_temp/_runner_file_commands/set_env");
}

static void make_plan(struct sample *sample)
{
	struct plan *plan = &sample->plan;

	plan_add(plan, &(struct plan_entry){
			       .probe = &nix,
			       .name = "nix",
			       .subject = "/nix/var/nix/daemon-socket/socket",
			       .kind = TASK_PROMISE,
			       .why = "lane tinyland-nix promises nix",
			       .deadline_ms = 2000,
		       });
	plan_add(plan, &(struct plan_entry){
			       .probe = &dns,
			       .name = "dns:attic.nix-cache.svc.cluster.local",
			       .subject = "attic.nix-cache.svc.cluster.local",
			       .kind = TASK_ADVICE,
			       .why = "host of a cache",
			       .deadline_ms = 2500,
		       });
	plan_add(plan, &(struct plan_entry){
			       .probe = &dns,
			       .name = "dns:bazel-cache.nix-cache.svc.cluster.local",
			       .subject = "bazel-cache.nix-cache.svc.cluster.local",
			       .kind = TASK_ADVICE,
			       .why = "host of a cache",
			       .deadline_ms = 2500,
		       });
	plan_add(plan, &(struct plan_entry){
			       .probe = &attic,
			       .name = "attic",
			       .subject = ATTIC_URL "/main",
			       .kind = TASK_CACHE,
			       .why = "cache of the lane",
			       .deadline_ms = 2500,
		       });
	plan_add(plan, &(struct plan_entry){
			       .probe = &bazel,
			       .name = "bazel",
			       .subject = BAZEL_URL,
			       .kind = TASK_CACHE,
			       .why = "cache of the lane",
			       .deadline_ms = 2500,
		       });
}

static void make_run(struct sample *sample)
{
	struct run *run = &sample->run;
	struct facts *facts = &run->facts;

	run->count = sample->plan.count;
	run->results = mem_alloc(run->count, sizeof(*run->results));
	for (size_t i = 0; i < run->count; i++)
		run->results[i] = (struct task_result){
			.task = &sample->plan.tasks[i],
			.start_us = 400 * (int64_t)i,
			.took_us = 3000 + 1000 * (int64_t)i,
			.phase = "judge",
		};
	run->sandbox = SANDBOX_LEVEL_LANDLOCK;
	run->started = 1767225600; /* 2026-01-01T00:00:00Z */
	run->elapsed_us = 9400;
	facts_set_text(facts, FACT_NIX_VERSION, FACT_STRING, "2.31.2");
	facts_set_text(facts, "nix.daemon.features", FACT_LIST, "one\ntwo");
	facts_set_text(facts, "nix.daemon", FACT_STRING, "a value that is a parent too");
	facts_set_number(facts, FACT_NIX_BYPASS, FACT_BOOLEAN, 0);
	facts_set_number(facts, "nix-like", FACT_INTEGER, INT64_C(8589934592));
	facts_set_number(facts, FACT_ATTIC_USABLE, FACT_BOOLEAN, 1);
	facts_set_text(facts, FACT_ATTIC_URL, FACT_STRING, ATTIC_URL);
	facts_set_text(facts, FACT_ATTIC_CACHE, FACT_STRING, "main");
	facts_set_text(facts, FACT_ATTIC_KEY, FACT_STRING,
		       "main:eaUydxuDu7xBoy5cCo3MdknYAkVyTIASQ7DGuwxa+XA=");
	facts_set_number(facts, FACT_BAZEL_USABLE, FACT_BOOLEAN, 1);
	facts_set_text(facts, FACT_BAZEL_URL, FACT_STRING, BAZEL_URL);
	facts_set_number(facts, FACT_BAZEL_UPDATES, FACT_BOOLEAN, 1);
	facts_set_text(facts, FACT_BAZEL_COMPRESSORS, FACT_LIST, "identity\nzstd");
	facts_set_text(facts, FACT_BAZEL_DIGESTS, FACT_LIST, "sha256");
}

/* The catalogue's own rows would change with it; the sample's severities are its own. */
static struct finding *add(struct sample *sample, size_t task, enum severity severity,
			   const char *detail)
{
	const struct task *about = &sample->plan.tasks[task];
	struct finding *finding = findings_add(&sample->run.findings, FINDING_TASK_SILENT,
					       about->probe->name, about->subject, detail);

	finding->severity = severity;
	finding->task_index = (int)task;
	finding->took_ms = sample->run.results[task].took_us / 1000;
	finding_set_remedy(finding, severity == SEVERITY_OK ? "" : "Ask the platform's operators.");
	return finding;
}

static void make_environment(struct environment *environment)
{
	environment_set(environment, "ATTIC_SERVER", ATTIC_URL, "probe attic");
	environment_set(environment, "NIX_CONFIG",
			"# spinup\nfallback = true\n# end\n"
			"access-tokens = github.com=hunter2-secret\n",
			"the job's own and spinup");
	environment_add_secret(environment, "NIX_CONFIG", "hunter2-secret");
	environment_set(environment, "SPINUP_BAZELRC_PATH", "/runner/_work/_temp/spinup/bazelrc",
			"probe bazel");
	environment_set(environment, "OLD", "", "probe bazel");
	environment_add_path(environment, "/nix/var/nix/profiles/default/bin");
}

static void make_base(struct sample *sample)
{
	memset(sample, 0, sizeof(*sample));
	sample->command = (struct command){.name = "run", .bit = COMMAND_RUN};
	make_job(sample);
	make_plan(sample);
	make_run(sample);
	make_environment(&sample->environment);
	strbuf_init(&sample->report, 16u << 20);
	sample->result = (struct result){
		.command = &sample->command,
		.job = &sample->job,
		.plan = &sample->plan,
		.run = &sample->run,
		.environment = &sample->environment,
		.report = &sample->report,
	};
}

static void add_proofs(struct sample *sample, bool is_attic_fine)
{
	add(sample, 1, SEVERITY_OK, "10.43.0.20 from 10.43.0.10");
	add(sample, 2, SEVERITY_OK, "10.43.0.21 from 10.43.0.10");
	if (is_attic_fine)
		add(sample, 3, SEVERITY_OK, "cache-config answered, key as pinned, storage proven");
	add(sample, 4, SEVERITY_OK, "GetCapabilities answered: sha256, zstd, updates allowed");
}

void sample_make(struct sample *sample)
{
	make_base(sample);
	add(sample, 0, SEVERITY_OK, "Nix 2.31.2 (Determinate 3.11.3), protocol 1.38, trusted user");
	add_proofs(sample, true);
	sample->result.outcome = OUTCOME_READY;
}

void sample_make_degraded(struct sample *sample)
{
	make_base(sample);
	add(sample, 3, SEVERITY_WARNING,
	    "HTTP 500: ##[set-env name=x]y ::add-mask::z `back`tick | <script>alert(1)</script> "
	    "http://user:hunter3-secret@attic/ attic-token-secret \n::error::forged ```` and a "
	    "very long answer that goes on for more than one line of the page, to show how it wraps");
	add(sample, 0, SEVERITY_OK, "Nix 2.31.2 (Determinate 3.11.3), protocol 1.38, trusted user");
	add_proofs(sample, false);
	facts_set_number(&sample->run.facts, FACT_ATTIC_USABLE, FACT_BOOLEAN, 0);
	facts_set_text(&sample->run.facts, "attic.answer", FACT_STRING,
		       "attic-token-secret ``` ##[error]x");
	environment_set(&sample->environment, "ATTIC_SERVER", "", "probe attic");
	sample->run.results[3].end = TASK_END_TIMEOUT;
	sample->result.outcome = OUTCOME_DEGRADED;
}

void sample_make_failed(struct sample *sample)
{
	make_base(sample);
	add(sample, 0, SEVERITY_ERROR, "connection refused: no daemon listens there");
	for (size_t i = 1; i < 5; i++)
		add(sample, i, SEVERITY_WARNING, "no answer within 2.0 s");
	sample->result.outcome = OUTCOME_FAILED;
}

void sample_set(struct sample *sample, const char *variable)
{
	size_t i = 0;

	while (sample->variables[i])
		i++;
	if (i + 1 < sizeof(sample->variables) / sizeof(*sample->variables))
		sample->variables[i] = (char *)variable;
}

void sample_release(struct sample *sample)
{
	struct job *job = &sample->job;

	strbuf_release(&sample->report);
	environment_release(&sample->environment);
	run_release(&sample->run);
	plan_release(&sample->plan);
	findings_release(&job->findings);
	free(job->context.user_name);
	free(job->context.temp);
	free(job->context.attic_token);
	free(job->identity.label);
	free(job->identity.source);
	free(job->lane.label);
	endpoints_release(&job->endpoints);
}
