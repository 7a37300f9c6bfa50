/* SPDX-License-Identifier: Zlib */
/* How Bazel is attached against what is declared: each rule of the platform in rows of its own. */
#include <stdlib.h>
#include <string.h>

#include "agent/attachment.h"
#include "agent/cleanup.h"
#include "agent/command.h"
#include "agent/context.h"
#include "agent/contract.h"
#include "agent/error.h"
#include "agent/expect.h"
#include "agent/finding.h"
#include "agent/job.h"
#include "agent/mem.h"
#include "agent/options.h"
#include "agent/repo_manifest.h"
#include "agent/runner_class.h"
#include "agent/strbuf.h"
#include "tests/unit/built_in_contract.h"
#include "tests/unit/check.h"
#include "tests/unit/fixture.h"
#include "tests/unit/machine.h"

#define MAX_VARIABLES 6u
#define MAX_FINDINGS 3u

#define CACHE "BAZEL_REMOTE_CACHE=grpc://bazel-cache.nix-cache.svc.cluster.local:9092"
#define EXECUTOR "BAZEL_REMOTE_EXECUTOR=grpc://bazel-cache.nix-cache.svc.cluster.local:9092"
#define APART "BAZEL_REMOTE_EXECUTOR=grpc://executor.nix-cache.svc.cluster.local:8980"
#define PROOF "GF_BAZEL_REAPI_PROOF_IMAGE_DIGEST=sha256:abc"
#define MODE "GF_BAZEL_SUBSTRATE_MODE="
#define STATE "GF_FLYWHEEL_PROFILE_STATE="
#define LABELS "GF_BAZEL_RUNNER_LABELS="
#define AGREES FINDING_ATTACHMENT_AGREES
#define BAD_URL FINDING_ATTACHMENT_ENDPOINT_NOT_VALID

static const struct row {
	const char *variables[MAX_VARIABLES];
	bool is_strict;
	enum finding_id findings[MAX_FINDINGS]; /* up to the first that is 0 */
} rows[] = {
	/* what is set says what it is, where nothing is declared */
	{{0}, false, {AGREES}},
	{{CACHE}, false, {AGREES}},
	{{CACHE, EXECUTOR, PROOF}, false, {AGREES}},
	/* the declared mode must be what is set */
	{{MODE "compatibility-local-only"}, false, {AGREES}},
	{{MODE "shared-cache-backed", CACHE}, false, {AGREES}},
	{{MODE "executor-backed", CACHE, EXECUTOR, PROOF}, false, {AGREES}},
	{{MODE "compatibility-local-only", CACHE}, false, {FINDING_ATTACHMENT_MODE_DIFFERS}},
	{{MODE "shared-cache-backed"}, false, {FINDING_ATTACHMENT_MODE_DIFFERS}},
	{{MODE "shared-cache-backed", CACHE, EXECUTOR, PROOF},
	 false,
	 {FINDING_ATTACHMENT_MODE_DIFFERS}},
	{{MODE "executor-backed", CACHE, PROOF}, false, {FINDING_ATTACHMENT_MODE_DIFFERS}},
	{{MODE "shared", CACHE}, false, {FINDING_ATTACHMENT_MODE_UNKNOWN}},
	{{MODE "unknown", CACHE}, false, {FINDING_ATTACHMENT_MODE_UNKNOWN}},
	{{MODE}, false, {AGREES}}, /* empty is unset */
	/* so must the profile's state */
	{{STATE "unattached"}, false, {AGREES}},
	{{STATE "unattached", CACHE}, false, {FINDING_ATTACHMENT_PROFILE_DIFFERS}},
	{{STATE "shared-cache-backed", CACHE}, false, {AGREES}},
	{{STATE "shared-cache-backed"}, false, {FINDING_ATTACHMENT_PROFILE_DIFFERS}},
	{{STATE "shared-cache-backed", CACHE, EXECUTOR, PROOF},
	 false,
	 {FINDING_ATTACHMENT_PROFILE_DIFFERS}},
	{{STATE "executor-backed", CACHE, EXECUTOR, PROOF}, false, {AGREES}},
	{{STATE "executor-backed", CACHE}, false, {FINDING_ATTACHMENT_PROFILE_DIFFERS}},
	{{STATE "local-proof", CACHE, "GF_BAZEL_LOCAL_PROOF=port-forward"}, false, {AGREES}},
	{{STATE "local-proof", CACHE, EXECUTOR, PROOF, "GF_BAZEL_LOCAL_PROOF=port-forward"},
	 false,
	 {AGREES}},
	{{STATE "local-proof", CACHE}, false, {FINDING_ATTACHMENT_LOCAL_PROOF}},
	{{STATE "local-proof", CACHE, "GF_BAZEL_LOCAL_PROOF=yes"},
	 false,
	 {FINDING_ATTACHMENT_LOCAL_PROOF}},
	{{STATE "local-proof", "GF_BAZEL_LOCAL_PROOF=port-forward"},
	 false,
	 {FINDING_ATTACHMENT_PROFILE_DIFFERS}},
	{{STATE "attached", CACHE}, false, {FINDING_ATTACHMENT_PROFILE_UNKNOWN}},
	{{STATE "unattached", MODE "shared-cache-backed"},
	 false,
	 {FINDING_ATTACHMENT_MODE_DIFFERS}},
	/* placeholders */
	{{"BAZEL_REMOTE_CACHE=${BAZEL_CACHE}"}, false, {FINDING_ATTACHMENT_PLACEHOLDER}},
	{{"BAZEL_REMOTE_CACHE=grpc://${HOST}:9092"}, false, {FINDING_ATTACHMENT_PLACEHOLDER}},
	{{"BAZEL_REMOTE_CACHE=${{ vars.CACHE }}"}, false, {FINDING_ATTACHMENT_PLACEHOLDER}},
	{{"BAZEL_REMOTE_CACHE=grpc://a.svc:1}"}, false, {FINDING_ATTACHMENT_PLACEHOLDER}},
	{{CACHE, "BAZEL_REMOTE_EXECUTOR=${X}", PROOF,
	  "GF_BAZEL_ALLOW_SEPARATE_EXECUTOR_CACHE=true"},
	 false,
	 {FINDING_ATTACHMENT_PLACEHOLDER}},
	/* schemes, and URLs at all */
	{{"BAZEL_REMOTE_CACHE=grpcs://a.svc"}, false, {AGREES}},
	{{"BAZEL_REMOTE_CACHE=http://a.svc:8080"}, false, {AGREES}},
	{{"BAZEL_REMOTE_CACHE=https://a.svc/x"}, false, {AGREES}},
	{{"BAZEL_REMOTE_CACHE=a.svc:9092"}, false, {BAD_URL}},
	{{"BAZEL_REMOTE_CACHE=ftp://a.svc"}, false, {BAD_URL}},
	{{"BAZEL_REMOTE_CACHE=unix:/run/cache.sock"}, false, {BAD_URL}},
	{{"BAZEL_REMOTE_CACHE=grpc://"}, false, {BAD_URL}},
	{{"BAZEL_REMOTE_CACHE=grpc://a b"}, false, {BAD_URL}},
	/* this machine itself */
	{{"BAZEL_REMOTE_CACHE=grpc://localhost:9092"}, false, {FINDING_ATTACHMENT_LOCALHOST}},
	{{"BAZEL_REMOTE_CACHE=grpc://127.0.0.1:9092"}, false, {FINDING_ATTACHMENT_LOCALHOST}},
	{{"BAZEL_REMOTE_CACHE=grpc://[::1]:9092"}, false, {FINDING_ATTACHMENT_LOCALHOST}},
	{{"BAZEL_REMOTE_CACHE=grpc://0.0.0.0:9092"}, false, {FINDING_ATTACHMENT_LOCALHOST}},
	{{"BAZEL_REMOTE_CACHE=grpc://localhost:9092", "GF_BAZEL_ALLOW_LOCALHOST_PROOF=true"},
	 false,
	 {AGREES}},
	{{"BAZEL_REMOTE_CACHE=grpc://localhost:9092", "GF_BAZEL_ALLOW_LOCALHOST_PROOF=1"},
	 false,
	 {FINDING_ATTACHMENT_LOCALHOST}},
	{{"BAZEL_REMOTE_CACHE=grpc://localhost.example.org"}, false, {AGREES}},
	/* the executor, against the cache and its own proof */
	{{EXECUTOR, PROOF}, false, {FINDING_ATTACHMENT_EXECUTOR_ALONE}},
	{{CACHE, APART, PROOF}, false, {FINDING_ATTACHMENT_EXECUTOR_APART}},
	{{CACHE, APART, PROOF, "GF_BAZEL_ALLOW_SEPARATE_EXECUTOR_CACHE=true"}, false, {AGREES}},
	{{CACHE, EXECUTOR "/", PROOF}, false, {AGREES}},
	{{CACHE, EXECUTOR}, false, {FINDING_ATTACHMENT_EXECUTOR_UNPROVEN}},
	{{MODE "executor-backed"},
	 false,
	 {FINDING_ATTACHMENT_MODE_DIFFERS, FINDING_ATTACHMENT_EXECUTOR_UNPROVEN}},
	/* strict: a cache, on a runner of the cluster */
	{{0}, true, {FINDING_ATTACHMENT_NO_CACHE}},
	{{CACHE}, true, {AGREES}},
	{{CACHE, LABELS "ubuntu-latest"}, true, {FINDING_ATTACHMENT_RUNNER}},
	{{CACHE, LABELS "ubuntu-latest"}, false, {AGREES}},
	{{CACHE, LABELS "self-hosted"}, true, {FINDING_ATTACHMENT_RUNNER}},
	{{CACHE, LABELS "chapel-nix"}, true, {FINDING_ATTACHMENT_RUNNER}},
	{{CACHE, LABELS "chapel-nix", "GF_BAZEL_ALLOW_HOSTED_RUNNER=true"}, true, {AGREES}},
	{{CACHE, LABELS "self-hosted, linux, x64, tinyland-nix"}, true, {AGREES}},
	{{CACHE, EXECUTOR, PROOF, LABELS "ubuntu-latest"}, false, {FINDING_ATTACHMENT_RUNNER}},
	/* one run tells all */
	{{"BAZEL_REMOTE_CACHE=grpc://localhost:1", MODE "x", STATE "y"},
	 false,
	 {FINDING_ATTACHMENT_MODE_UNKNOWN, FINDING_ATTACHMENT_PROFILE_UNKNOWN,
	  FINDING_ATTACHMENT_LOCALHOST}},
};

static void judge(const struct row *row, struct findings *findings)
{
	const struct repo_manifest manifest = {0};
	const struct expectations expect = {0};
	char *environment[MAX_VARIABLES + 1] = {0};
	const struct context context = {.environment = environment};
	struct attachment attachment;

	for (size_t i = 0; i < MAX_VARIABLES; i++)
		environment[i] = mem_strdup(row->variables[i]);
	attachment_read(&attachment, &context, &manifest, &expect);
	attachment.is_strict = row->is_strict;
	attachment_judge(&attachment, &built_in_contract, findings);
	for (size_t i = 0; i < MAX_VARIABLES; i++)
		free(environment[i]);
}

static void every_rule_holds(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct findings findings = {0};
		size_t count = 0;

		while (count < MAX_FINDINGS && rows[i].findings[count])
			count++;
		judge(&rows[i], &findings);
		if (findings.count != count)
			fail_msg("row %zu: %zu findings, the first is %s", i, findings.count,
				 finding_kind(findings.items[0].id)->id);
		for (size_t j = 0; j < count; j++)
			if (findings.items[j].id != rows[i].findings[j])
				fail_msg("row %zu: %s", i, finding_kind(findings.items[j].id)->id);
		findings_release(&findings);
	}
}

static void nothing_said_holds_a_secret(void **state)
{
	static const struct row secrets[] = {
		{{"BAZEL_REMOTE_CACHE=grpc://user:hunter2@localhost:1"}, true, {0}},
		{{"BAZEL_REMOTE_CACHE=hunter2", "BAZEL_REMOTE_EXECUTOR=grpc://:hunter2@x.svc"},
		 true,
		 {0}},
		{{"BAZEL_REMOTE_CACHE=${hunter2}"}, true, {0}},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(secrets); i++) {
		struct findings findings = {0};

		judge(&secrets[i], &findings);
		assert_true(findings.count > 0);
		for (size_t j = 0; j < findings.count; j++) {
			assert_int_equal(findings.items[j].severity, SEVERITY_ERROR);
			assert_null(strstr(findings.items[j].detail, "hunter2"));
			assert_null(strstr(findings.items[j].remedy, "hunter2"));
		}
		findings_release(&findings);
	}
}

/* ---- who declares it */

static void the_environment_comes_before_the_repository(void **state)
{
	char text[] = MODE "compatibility-local-only";
	char *environment[] = {text, NULL};
	char *none[] = {NULL};
	struct context context = {.environment = environment};
	const struct repo_manifest manifest = {(char[]){"shared-cache-backed"}};
	const struct expectations expect = {.source = (char[]){".github/spinup.json"},
					    .substrate = (char[]){"executor-backed"}};
	struct attachment attachment;

	(void)state;
	attachment_read(&attachment, &context, &manifest, &expect);
	assert_int_equal(attachment.claim_count, 1);
	assert_true(attachment_is_local(&attachment));
	assert_false(attachment_wants_cache(&attachment));
	context.environment = none;
	attachment_read(&attachment, &context, &manifest, &expect);
	assert_int_equal(attachment.claim_count, 2);
	assert_string_equal(attachment.claims[0].source, "tinyland.repo.json");
	assert_string_equal(attachment.claims[1].source, ".github/spinup.json");
	assert_true(attachment_wants_cache(&attachment));
	assert_false(attachment_is_local(&attachment));
	assert_false(attachment_is_declared(NULL) || attachment_wants_cache(NULL) ||
		     attachment_is_local(NULL));
}

/* A guess from a host's name is not held against a job. */
static void only_a_certain_label_is_judged(void **state)
{
	static const struct {
		enum lane_confidence confidence;
		bool is_judged;
	} confidences[] = {
		{LANE_EXPLICIT, true},   {LANE_MATCHED, true},  {LANE_INFERRED, false},
		{LANE_AMBIGUOUS, false}, {LANE_UNKNOWN, false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(confidences); i++) {
		const struct lane_identity identity = {
			(char[]){"chapel-nix"}, (char[]){"RUNNER_NAME"}, confidences[i].confidence};
		struct attachment attachment = {.cache = "grpc://a.svc", .is_strict = true};
		struct findings findings = {0};

		attachment_set_runner(&attachment, &identity);
		attachment_judge(&attachment, &built_in_contract, &findings);
		assert_int_equal(findings.items[0].id, confidences[i].is_judged
							       ? FINDING_ATTACHMENT_RUNNER
							       : FINDING_ATTACHMENT_AGREES);
		findings_release(&findings);
	}
}

/* ---- labels */

static const struct {
	const char *labels;
	enum runner_class class;
	const char *deciding;
} labels[] = {
	{"", RUNNER_UNKNOWN, NULL},
	{" , ", RUNNER_UNKNOWN, NULL},
	{"tinyland-nix", RUNNER_CAPABILITY, "tinyland-nix"},
	{"Tinyland-Nix", RUNNER_CAPABILITY, "tinyland-nix"},
	{"tinyland-docker", RUNNER_CAPABILITY, "tinyland-docker"},
	{"gl-nix", RUNNER_CAPABILITY, "gl-nix"},
	{"great-falls-tool-bus-nix", RUNNER_CAPABILITY, "great-falls-tool-bus-nix"},
	{"acme-nix-heavy", RUNNER_CAPABILITY, "acme-nix-heavy"},
	{"acme-nix-kvm", RUNNER_CAPABILITY, "acme-nix-kvm"},
	{"acme-nix-gpu", RUNNER_CAPABILITY, "acme-nix-gpu"},
	{"acme-dind", RUNNER_CAPABILITY, "acme-dind"},
	{"tinyland-nix-arm64", RUNNER_CAPABILITY, "tinyland-nix-arm64"},
	{"tinyland-dind-linux-x86_64", RUNNER_CAPABILITY, "tinyland-dind-linux-x86_64"},
	{"acme-nix-arm64", RUNNER_OTHER, "acme-nix-arm64"},
	{"tinyland-nix-fancy", RUNNER_OTHER, "tinyland-nix-fancy"},
	{"tinyland-arm64", RUNNER_OTHER, "tinyland-arm64"},
	{"-nix", RUNNER_OTHER, "-nix"},
	{"nix", RUNNER_OTHER, "nix"},
	{"dollhouse-farm-nix", RUNNER_FOSSIL, "dollhouse-farm-nix"},
	{"chapel-nix", RUNNER_FOSSIL, "chapel-nix"},
	{"jesssullivan-nix-heavy", RUNNER_FOSSIL, "jesssullivan-nix-heavy"},
	{"massageithaca-dind", RUNNER_FOSSIL, "massageithaca-dind"},
	{"MASSAGEITHACA-DIND", RUNNER_FOSSIL, "massageithaca-dind"},
	{"nix-vm-test-kvm", RUNNER_PROOF_ONLY, "nix-vm-test-kvm"},
	{"ubuntu-latest", RUNNER_HOSTED, "ubuntu-latest"},
	{"ubuntu-24.04", RUNNER_HOSTED, "ubuntu-24.04"},
	{"windows-2022", RUNNER_HOSTED, "windows-2022"},
	{"macos-14", RUNNER_HOSTED, "macos-14"},
	{"github-hosted", RUNNER_HOSTED, "github-hosted"},
	{"self-hosted", RUNNER_BARE, "self-hosted"},
	{"self-hosted,linux", RUNNER_BARE, "self-hosted"},
	{"linux self-hosted", RUNNER_BARE, "self-hosted"},
	{"[\"self-hosted\", \"acme-nix\"]", RUNNER_CAPABILITY, "acme-nix"},
	{"self-hosted,ubuntu-latest", RUNNER_HOSTED, "ubuntu-latest"},
	{"chapel-nix,tinyland-nix", RUNNER_FOSSIL, "chapel-nix"},
	{"tinyland-nix,chapel-nix", RUNNER_CAPABILITY, "tinyland-nix"},
	{"ubuntu-latest,tinyland-nix", RUNNER_CAPABILITY, "tinyland-nix"},
	{"gpu-box", RUNNER_OTHER, "gpu-box"},
};

static void labels_have_classes(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(labels); i++) {
		CLEANUP_FREE char *deciding = NULL;
		enum runner_class class =
			runner_class_of(&built_in_contract, labels[i].labels, &deciding);

		if (class != labels[i].class)
			fail_msg("%s: %s", labels[i].labels, runner_class_text(class));
		if (!labels[i].deciding)
			assert_null(deciding);
		else
			assert_string_equal(deciding, labels[i].deciding);
	}
}

/* ---- tinyland.repo.json */

static void check_manifest(const char *name)
{
	CLEANUP_STRBUF struct strbuf text = STRBUF_INIT(65536);
	CLEANUP_STRBUF struct strbuf expected = STRBUF_INIT(1024);
	struct repo_manifest manifest;
	struct error error = {0};
	int status;

	fixture_read("repo-manifest", name, "tinyland.repo.json", &text);
	fixture_expected("repo-manifest", name, &expected);
	status = repo_manifest_parse(&manifest, text.data, text.length, &error);
	if (strncmp(expected.data, "mode ", 5) == 0) {
		assert_int_equal(status, 0);
		assert_string_equal(manifest.substrate_mode ? manifest.substrate_mode : "none",
				    expected.data + 5);
	} else {
		assert_int_equal(status, -1);
		assert_int_equal(error.code, ERROR_USAGE);
		assert_string_equal(error.message, expected.data);
	}
	repo_manifest_release(&manifest);
}

static void manifests_are_read(void **state)
{
	(void)state;
	fixture_each("repo-manifest", 9, check_manifest);
}

/* ---- in a job */

/* A job of a step with a checkout, whose manifest says MANIFEST. */
static int read_job(struct job *job, const struct options *options, const char *manifest,
		    const char *const *more, struct error *error)
{
	char *environment[12] = {
		(char[]){"GITHUB_ACTIONS=true"},
		(char[]){"GITHUB_ENV=/t/env"},
		(char[]){"GITHUB_ACTION=__run"},
		(char[]){"GITHUB_WORKSPACE=/work"},
		(char[]){"KUBERNETES_SERVICE_HOST=10.0.0.1"},
	};
	struct machine machine;
	struct options given = *options;
	int status;

	for (size_t i = 0; more[i]; i++)
		environment[5 + i] = (char *)more[i];
	machine_make(&machine);
	machine_directory(&machine, "/work/.git");
	if (manifest)
		machine_file(&machine, "/work/tinyland.repo.json", manifest);
	given.root = machine.directory;
	status = job_read(job, &given, environment, error);
	job->options = options;
	machine_remove(&machine);
	return status;
}

#define MANIFEST(mode) "{\"enrollment\": {\"substrateMode\": \"" mode "\"}}"

static const struct {
	const char *label, *manifest;
	const char *variables[5];
	const char *flag;
	unsigned int command;
	enum finding_id finding; /* that must be there; 0: no finding of the attachment */
	bool is_promise, has_cache;
} jobs[] = {
	/* nothing declared: nothing judged */
	{"tinyland-nix", NULL, {0}, NULL, COMMAND_RUN, 0, false, true},
	/* the lane's own cache is what the next steps are attached to */
	{"tinyland-nix",
	 MANIFEST("shared-cache-backed"),
	 {0},
	 NULL,
	 COMMAND_RUN,
	 AGREES,
	 true,
	 true},
	{"tinyland-nix", NULL, {MODE "shared-cache-backed"}, NULL, COMMAND_RUN, AGREES, true, true},
	{"tinyland-nix",
	 NULL,
	 {STATE "shared-cache-backed"},
	 NULL,
	 COMMAND_RUN,
	 AGREES,
	 true,
	 true},
	/* a pool without one breaks the promise, and so does a value that nobody may use */
	{"acme-nix",
	 MANIFEST("shared-cache-backed"),
	 {0},
	 NULL,
	 COMMAND_RUN,
	 FINDING_ATTACHMENT_MODE_DIFFERS,
	 true,
	 false},
	{"tinyland-nix",
	 MANIFEST("shared-cache-backed"),
	 {"BAZEL_REMOTE_CACHE=grpc://localhost:1"},
	 NULL,
	 COMMAND_RUN,
	 FINDING_ATTACHMENT_LOCALHOST,
	 true,
	 true},
	/* a flag is asked before the environment */
	{"tinyland-nix",
	 MANIFEST("shared-cache-backed"),
	 {"BAZEL_REMOTE_CACHE=grpc://localhost:1"},
	 "grpc://other.svc:1",
	 COMMAND_RUN,
	 AGREES,
	 true,
	 true},
	/* a lane that has no cache gets one that is declared and named */
	{"nix-vm-test-kvm",
	 MANIFEST("shared-cache-backed"),
	 {CACHE},
	 NULL,
	 COMMAND_RUN,
	 AGREES,
	 true,
	 true},
	/* who declares that Bazel is not attached gets no cache unasked */
	{"tinyland-nix",
	 MANIFEST("compatibility-local-only"),
	 {0},
	 NULL,
	 COMMAND_RUN,
	 AGREES,
	 false,
	 false},
	{"tinyland-nix", NULL, {STATE "unattached"}, NULL, COMMAND_RUN, AGREES, false, false},
	{"tinyland-nix",
	 MANIFEST("compatibility-local-only"),
	 {CACHE},
	 NULL,
	 COMMAND_RUN,
	 FINDING_ATTACHMENT_MODE_DIFFERS,
	 false,
	 true},
	/* an executor has no proof in this version */
	{"tinyland-nix",
	 NULL,
	 {MODE "executor-backed", CACHE, EXECUTOR, PROOF},
	 NULL,
	 COMMAND_RUN,
	 FINDING_PROMISE_NOT_CHECKED,
	 true,
	 true},
	/* a proof alone is not held to it */
	{"acme-nix", MANIFEST("shared-cache-backed"), {0}, NULL, COMMAND_PROBE, 0, true, false},
	{"acme-nix",
	 MANIFEST("shared-cache-backed"),
	 {0},
	 NULL,
	 COMMAND_DOCTOR,
	 FINDING_ATTACHMENT_MODE_DIFFERS,
	 true,
	 false},
};

static bool has_attachment_finding(const struct findings *findings)
{
	for (size_t i = 0; i < findings->count; i++)
		if (strncmp(finding_kind(findings->items[i].id)->id, "attachment-", 11) == 0)
			return true;
	return false;
}

static void a_declared_attachment_is_a_promise(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(jobs); i++) {
		const struct options options = {.command = jobs[i].command,
						.label = jobs[i].label,
						.bazel_url = jobs[i].flag,
						.bazel_url_source = "--bazel"};
		struct error error = {0};
		struct job job;

		print_message("job %zu\n", i);
		if (read_job(&job, &options, jobs[i].manifest, jobs[i].variables, &error) < 0)
			fail_msg("%s", error.message);
		if (jobs[i].finding)
			assert_non_null(findings_find(&job.findings, jobs[i].finding));
		else
			assert_false(has_attachment_finding(&job.findings));
		assert_int_equal(job.endpoints.bazel.is_promise, jobs[i].is_promise);
		assert_int_equal(job.endpoints.bazel.url != NULL, jobs[i].has_cache);
		if (jobs[i].is_promise)
			assert_true(job.required & LANE_BAZEL);
		job_release(&job);
	}
}

static void a_broken_manifest_is_an_error(void **state)
{
	static const char *const none[] = {NULL};
	const struct options options = {.command = COMMAND_RUN, .label = "tinyland-nix"};
	struct error error = {0};
	struct job job;

	(void)state;
	assert_int_equal(read_job(&job, &options, "{\"enrollment\": 1", none, &error), -1);
	assert_int_equal(error.code, ERROR_USAGE);
	assert_string_equal(error.message, "tinyland.repo.json:1:17: expected ',' or '}'");
	job_release(&job);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_rule_holds),
		cmocka_unit_test(nothing_said_holds_a_secret),
		cmocka_unit_test(the_environment_comes_before_the_repository),
		cmocka_unit_test(only_a_certain_label_is_judged),
		cmocka_unit_test(labels_have_classes),
		cmocka_unit_test(manifests_are_read),
		cmocka_unit_test(a_declared_attachment_is_a_promise),
		cmocka_unit_test(a_broken_manifest_is_an_error),
	};

	return cmocka_run_group_tests(tests, built_in_contract_read, built_in_contract_drop);
}
