/* SPDX-License-Identifier: Zlib */
/* Lanes: what names say, in which order the sources are asked, what labels promise. */
#include <string.h>

#include "agent/cleanup.h"
#include "agent/context.h"
#include "agent/contract.h"
#include "agent/finding.h"
#include "agent/lane.h"
#include "agent/lane_name.h"
#include "agent/mem.h"
#include "agent/options.h"
#include "tests/unit/check.h"

#define LONGEST_LABEL "a234567890-234567890-234567890-234567890-nixx" /* 45 characters */
#define TEN "aaaaaaaaaa"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

static struct contract contract;

static int read_contract(void **state)
{
	struct root root = {.fd = -1};

	(void)state;
	if (root_open_directory(&root, NULL, NULL) < 0)
		return -1;
	if (contract_read(&contract, &root, NULL, NULL) < 0)
		return -1;
	root_close(&root);
	return 0;
}

static int drop_contract(void **state)
{
	(void)state;
	contract_release(&contract);
	return 0;
}

/* ---- names of runners, pods and hosts */

static const struct name_row {
	const char *name;
	const char *label; /* "" for unknown */
	enum lane_confidence confidence;
} names[] = {
	/* the first generation: S-xxxxx-runner-yyyyy */
	{"tinyland-nix-bcdfg-runner-hjklm", "tinyland-nix", LANE_MATCHED},
	{"tinyland-docker-vrgrg-runner-9l28v", "tinyland-docker", LANE_MATCHED},
	{"tinyland-dind-x9z42-runner-22222", "tinyland-dind", LANE_MATCHED},
	{"tinyland-nix-heavy-bcdfg-runner-hjklm", "tinyland-nix-heavy", LANE_MATCHED},
	{"tinyland-nix-kvm-bcdfg-runner-hjklm", "tinyland-nix-kvm", LANE_MATCHED},
	{"tinyland-nix-gpu-bcdfg-runner-hjklm", "tinyland-nix-gpu", LANE_MATCHED},
	{"nix-vm-test-kvm-bcdfg-runner-hjklm", "nix-vm-test-kvm", LANE_MATCHED},
	{"TINYLAND-NIX-bcdfg-runner-hjklm", "tinyland-nix", LANE_MATCHED},
	{"chapel-nix-bcdfg-runner-hjklm", "chapel-nix", LANE_MATCHED},
	{"arc-arm64-tripbot-vrgrg-runner-9l28v", "arc-arm64-tripbot", LANE_INFERRED},
	{"acme_nix-bcdfg-runner-hjklm", "acme-nix", LANE_INFERRED},
	{"tinyland-nix-x86-64-bcdfg-runner-hjklm", "tinyland-nix-x86-64", LANE_INFERRED},
	{"runner-bcdfg-runner-hjklm", "runner", LANE_INFERRED},
	/* the cut one: 45 characters, the last dash is gone */
	{LONGEST_LABEL "-bcdfg-runnerhjklm", LONGEST_LABEL, LANE_INFERRED},
	{LONGEST_LABEL "-bcdfg-runner-hjklm", "", LANE_UNKNOWN}, /* 64 characters: no pod's name */
	{"tinyland-nix-bcdfg-runnerhjklm", "", LANE_UNKNOWN},    /* nothing was cut here */
	/* the next one: S-runner-yyyyy */
	{"tinyland-nix-runner-hjklm", "tinyland-nix", LANE_MATCHED},
	{"tinyland-nix-kvm-runner-hjklm", "tinyland-nix-kvm", LANE_MATCHED},
	{"acme-nix-runner-hjklm", "acme-nix", LANE_INFERRED},
	{LONGEST_LABEL "-runner-hjklm", LONGEST_LABEL, LANE_INFERRED},
	/* two readings */
	{"acme-nix-zzzzz-bcdfg-runner-hjklm", "acme-nix-zzzzz", LANE_AMBIGUOUS},
	/* job pods of the container hooks */
	{"tinyland-nix-bcdfg-runner-hjklm-workflow", "tinyland-nix", LANE_MATCHED},
	{"tinyland-nix-runner-hjklm-workflow", "tinyland-nix", LANE_MATCHED},
	{"acme-nix-bcdfg-runner-hjklm-workflow", "acme-nix", LANE_INFERRED},
	{LONGEST_LABEL "-bcdfg-ru-workflow", LONGEST_LABEL, LANE_INFERRED}, /* cut to 54 */
	{LONGEST_LABEL "-runner-h-workflow", LONGEST_LABEL, LANE_INFERRED},
	{"tinyland-nix-bcdfg-run-workflow", "", LANE_UNKNOWN}, /* short, and yet cut */
	/* not of the grammar */
	{"tinyland-nix", "", LANE_UNKNOWN},
	{"tinyland-nix-", "", LANE_UNKNOWN},
	{"tinyland-nix-runner", "", LANE_UNKNOWN},
	{"tinyland-nix-runner-", "", LANE_UNKNOWN},
	{"tinyland-nix-runner-hjk", "", LANE_UNKNOWN},
	{"tinyland-nix-runner-hjklmn", "", LANE_UNKNOWN},
	{"tinyland-nix-runner-aeiou", "", LANE_UNKNOWN}, /* vowels are never drawn */
	{"tinyland-nix-runner-hjk10", "", LANE_UNKNOWN}, /* nor are 0, 1 and 3 */
	{"tinyland-nix-abcde-runner-hjklm", "tinyland-nix-abcde", LANE_INFERRED},
	{"-runner-hjklm", "", LANE_UNKNOWN},
	{"-bcdfg-runner-hjklm", "", LANE_UNKNOWN},
	{"runner-hjklm", "", LANE_UNKNOWN},
	{"GitHub Actions 12", "", LANE_UNKNOWN},
	{"runner-abc123-project-1-concurrent-0", "", LANE_UNKNOWN},
	{"tinyland-runner-7d4f8b9c5d-x2x4x", "", LANE_UNKNOWN}, /* summerwind's */
	{"3f2504e04f89", "", LANE_UNKNOWN},                     /* a container's */
	{"", "", LANE_UNKNOWN},
	{"-", "", LANE_UNKNOWN},
	/* hostile */
	{"tinyland-nix-bcdfg-runner-hjklm\n", "", LANE_UNKNOWN},
	{"tinyland-nix\n-bcdfg-runner-hjklm", "", LANE_UNKNOWN},
	{"x\nGITHUB_TOKEN=1-bcdfg-runner-hjklm", "", LANE_UNKNOWN},
	{"\033[31mtinyland-nix-bcdfg-runner-hjklm", "", LANE_UNKNOWN},
	{"::set-env name=A::b-bcdfg-runner-hjklm", "", LANE_UNKNOWN},
	{"##[error]x-bcdfg-runner-hjklm", "", LANE_UNKNOWN},
	{"$(id)-bcdfg-runner-hjklm", "", LANE_UNKNOWN},
	{"../../etc-bcdfg-runner-hjklm", "", LANE_UNKNOWN},
	{"tinyländ-nix-bcdfg-runner-hjklm", "", LANE_UNKNOWN},
	{"tinyland\xe2\x80\xae-nix-bcdfg-runner-hjklm", "", LANE_UNKNOWN},
	{"tinyland-nix-bcdfg\xff-runner-hjklm", "", LANE_UNKNOWN},
	{HUNDRED HUNDRED "-bcdfg-runner-hjklm", "", LANE_UNKNOWN},
};

/* Identifies with nothing but one variable and a host name. */
static struct lane_identity identify(const char *variable, const char *value, char *host_name)
{
	char *entry = mem_format("%s=%s", variable, value);
	char *environment[] = {entry, NULL};
	struct context context = {.environment = environment, .host_name = host_name};
	struct options options = {0};
	struct lane_identity identity;

	lane_identify(&identity, &options, &context, &contract);
	free(entry);
	return identity;
}

static void check_name(const struct name_row *row, const char *variable)
{
	struct lane_identity identity = identify(variable, row->name, NULL);

	if (strcmp(identity.label, row->label) != 0 || identity.confidence != row->confidence)
		fail_msg("%s=%s: %s (%s), expected %s (%s)", variable, row->name, identity.label,
			 lane_confidence_name(identity.confidence), row->label,
			 lane_confidence_name(row->confidence));
	assert_string_equal(identity.source, *row->label ? variable : "");
	lane_identity_release(&identity);
}

static void names_are_read(void **state)
{
	(void)state;
	assert_true(COUNT(names) >= 40);
	assert_int_equal(strlen(LONGEST_LABEL), 45);
	for (size_t i = 0; i < COUNT(names); i++) {
		check_name(&names[i], "RUNNER_NAME");
		check_name(&names[i], "ACTIONS_RUNNER_POD_NAME");
	}
}

static void host_names_are_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		CLEANUP_FREE char *host_name = mem_strdup(names[i].name);
		struct lane_identity identity = identify("RUNNER_NAME", "laptop", host_name);

		assert_string_equal(identity.label, names[i].label);
		assert_string_equal(identity.source, *names[i].label ? "host name" : "");
		lane_identity_release(&identity);
	}
}

static void huge_names_are_refused(void **state)
{
	CLEANUP_FREE char *huge = mem_alloc(10241, 1);
	struct lane_identity identity;

	(void)state;
	memset(huge, 'a', 10240);
	memcpy(huge + 10240 - strlen("-bcdfg-runner-hjklm"), "-bcdfg-runner-hjklm",
	       strlen("-bcdfg-runner-hjklm"));
	identity = identify("RUNNER_NAME", huge, huge);
	assert_string_equal(identity.label, "");
	lane_identity_release(&identity);
}

static void the_longest_label_wins(void **state)
{
	(void)state;
	assert_true(lane_name_fits("a-nix-zzzzz-runner-hjklm", "a-nix"));
	assert_true(lane_name_fits("a-nix-zzzzz-runner-hjklm", "a-nix-zzzzz"));
	assert_true(lane_name_fits("my-nix-runner-hjklm", "My_Nix"));
	assert_false(lane_name_fits("a-nixx-runner-hjklm", "a-nix"));
	assert_false(lane_name_fits("a-nix", "a-nix"));

	struct lane lanes[] = {{.label = (char[]){"a-nix"}}, {.label = (char[]){"a-nix-zzzzz"}}};
	struct contract two = {.lanes = lanes, .lane_count = COUNT(lanes)};
	char *environment[] = {(char[]){"RUNNER_NAME=a-nix-zzzzz-runner-hjklm"}, NULL};
	struct context context = {.environment = environment};
	struct options options = {0};
	struct lane_identity identity;

	lane_identify(&identity, &options, &context, &two);
	assert_string_equal(identity.label, "a-nix-zzzzz");
	lane_identity_release(&identity);
}

/* ---- the order of the sources */

#define NAME "RUNNER_NAME=tinyland-dind-bcdfg-runner-hjklm"
#define HOSTED "RUNNER_ENVIRONMENT=github-hosted"
#define TAGS "CI_RUNNER_TAGS=[\"gl-docker\", \"linux\"]"

static const struct {
	const char *flag;
	const char *scale_set;
	const char *environment[3];
	const char *label;
	const char *source;
	enum lane_confidence confidence;
} sources[] = {
	{"tinyland-nix", "acme", {HOSTED, NAME, TAGS}, "tinyland-nix", "--label", LANE_EXPLICIT},
	{"Tinyland-NIX", NULL, {NULL}, "tinyland-nix", "--label", LANE_EXPLICIT},
	{"tiny land", "acme", {NAME}, "", "--label", LANE_UNKNOWN},
	{"a\nb", NULL, {NAME}, "", "--label", LANE_UNKNOWN},
	{NULL, "acme-nix", {HOSTED, NAME, TAGS}, "acme-nix", "podinfo", LANE_EXPLICIT},
	{NULL, NULL, {HOSTED, NAME, TAGS}, "github-hosted", "RUNNER_ENVIRONMENT", LANE_EXPLICIT},
	{NULL,
	 NULL,
	 {"RUNNER_ENVIRONMENT=self-hosted", NAME},
	 "tinyland-dind",
	 "RUNNER_NAME",
	 LANE_MATCHED},
	{NULL, NULL, {NAME, TAGS}, "gl-docker", "CI_RUNNER_TAGS", LANE_EXPLICIT},
	{NULL, NULL, {TAGS}, "gl-docker", "CI_RUNNER_TAGS", LANE_EXPLICIT},
	{NULL, NULL, {"CI_RUNNER_TAGS=linux, gl-nix"}, "gl-nix", "CI_RUNNER_TAGS", LANE_EXPLICIT},
	{NULL,
	 NULL,
	 {"CI_RUNNER_TAGS=[\"gl-nix\",\"gl-dind\"]"},
	 "gl-nix",
	 "CI_RUNNER_TAGS",
	 LANE_AMBIGUOUS},
	{NULL,
	 NULL,
	 {"CI_RUNNER_TAGS=[\"acme-nix\"]"},
	 "acme-nix",
	 "CI_RUNNER_TAGS",
	 LANE_EXPLICIT},
	{NULL, NULL, {"CI_RUNNER_TAGS=[\"linux\", \"acme-nix\"]"}, "", "", LANE_UNKNOWN},
	{NULL, NULL, {"CI_RUNNER_TAGS=[]"}, "", "", LANE_UNKNOWN},
	{NULL, NULL, {"CI_RUNNER_TAGS=[\"$(id)\"]"}, "", "", LANE_UNKNOWN},
	{NULL, NULL, {"RUNNER_LABELS=tinyland-nix"}, "", "", LANE_UNKNOWN},
};

static void sources_are_asked_in_order(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(sources); i++) {
		char *environment[4] = {0};
		CLEANUP_FREE char *scale_set = mem_strdup(sources[i].scale_set);
		struct options options = {.label = sources[i].flag};
		struct context context = {.environment = environment,
					  .scale_set_name = scale_set,
					  .scale_set_source = (char[]){"podinfo"}};
		struct lane_identity identity;

		for (size_t j = 0; j < 3; j++)
			environment[j] = mem_strdup(sources[i].environment[j]);
		lane_identify(&identity, &options, &context, &contract);
		assert_string_equal(identity.label, sources[i].label);
		assert_string_equal(identity.source, sources[i].source);
		assert_int_equal(identity.confidence, sources[i].confidence);
		lane_identity_release(&identity);
		for (size_t j = 0; j < 3; j++)
			free(environment[j]);
	}
}

/* ---- what labels promise */

#define CACHES (LANE_ATTIC | LANE_BAZEL)

static const struct label_row {
	const char *label;
	enum lane_status status;
	unsigned int promises;
	const char *flavour;
	const char *system;
	bool has_cluster_endpoints;
	int finding; /* enum finding_id, or -1 for none */
} labels[] = {
	{"tinyland-nix", LANE_STATUS_BASELINE, LANE_NIX | CACHES, "determinate", NULL, true, -1},
	{"tinyland-docker", LANE_STATUS_BASELINE, LANE_BAZEL, NULL, NULL, true, -1},
	{"tinyland-dind", LANE_STATUS_BASELINE, LANE_DOCKER | LANE_BAZEL, NULL, NULL, true, -1},
	{"tinyland-nix-heavy", LANE_STATUS_ADDITIVE, LANE_NIX | LANE_HEAVY | CACHES, "determinate",
	 NULL, true, -1},
	{"tinyland-nix-kvm", LANE_STATUS_ADDITIVE, LANE_NIX | LANE_KVM | CACHES, "determinate",
	 NULL, true, -1},
	{"tinyland-nix-gpu", LANE_STATUS_ADDITIVE, LANE_NIX | LANE_GPU | CACHES, "determinate",
	 NULL, true, -1},
	{"gl-nix", LANE_STATUS_COMPATIBILITY, LANE_NIX | CACHES, NULL, NULL, false, -1},
	{"gl-nix-kvm", LANE_STATUS_COMPATIBILITY, LANE_NIX | LANE_KVM | CACHES, NULL, NULL, false,
	 -1},
	{"nix-vm-test-kvm", LANE_STATUS_PROOF_ONLY, LANE_NIX | LANE_KVM, NULL, NULL, false,
	 FINDING_LANE_PROOF_ONLY},
	/* fossils come before the grammar */
	{"chapel-nix", LANE_STATUS_FOSSIL, 0, NULL, NULL, false, FINDING_LANE_FOSSIL},
	{"jesssullivan-nix-heavy", LANE_STATUS_FOSSIL, 0, NULL, NULL, false, FINDING_LANE_FOSSIL},
	{"massageithaca-dind", LANE_STATUS_FOSSIL, 0, NULL, NULL, false, FINDING_LANE_FOSSIL},
	/* the grammar */
	{"tinyland-nix-arm64", LANE_STATUS_GRAMMAR, LANE_NIX | CACHES, "determinate",
	 "aarch64-linux", true, -1},
	{"tinyland-nix-x86_64", LANE_STATUS_GRAMMAR, LANE_NIX | CACHES, "determinate",
	 "x86_64-linux", true, -1},
	{"tinyland-nix-x86-64-kvm", LANE_STATUS_GRAMMAR, LANE_NIX | LANE_KVM | CACHES,
	 "determinate", "x86_64-linux", true, -1},
	{"tinyland-docker-webgpu", LANE_STATUS_GRAMMAR, LANE_GPU | LANE_BAZEL, NULL, NULL, true,
	 -1},
	{"tinyland-docker-browser-privileged", LANE_STATUS_GRAMMAR, LANE_BAZEL, NULL, NULL, true,
	 -1},
	{"acme-nix", LANE_STATUS_GRAMMAR, LANE_NIX | CACHES, NULL, NULL, false, -1},
	{"acme-west-2-nix-heavy-vm-dawn-riscv", LANE_STATUS_GRAMMAR,
	 LANE_NIX | LANE_HEAVY | LANE_KVM | LANE_GPU | CACHES, NULL, "riscv64-linux", false, -1},
	{"linux-xr-docker", LANE_STATUS_GRAMMAR, LANE_BAZEL, NULL, NULL, false, -1},
	{"acme-nix-docker", LANE_STATUS_GRAMMAR, LANE_BAZEL, NULL, NULL, false, -1},
	{"tinyland-nix-darwin", LANE_STATUS_UNSUPPORTED, 0, "determinate", NULL, true,
	 FINDING_LANE_NOT_SUPPORTED},
	{"acme-dind-macos", LANE_STATUS_UNSUPPORTED, 0, NULL, NULL, false,
	 FINDING_LANE_NOT_SUPPORTED},
	{"macos-15", LANE_STATUS_UNSUPPORTED, 0, NULL, NULL, false, FINDING_LANE_NOT_SUPPORTED},
	{"ubuntu-latest", LANE_STATUS_HOSTED, 0, NULL, NULL, false, -1},
	{"ubuntu-24.04-arm", LANE_STATUS_HOSTED, 0, NULL, NULL, false, -1},
	{"github-hosted", LANE_STATUS_HOSTED, 0, NULL, NULL, false, -1},
	{"ubuntu-nix", LANE_STATUS_GRAMMAR, LANE_NIX | CACHES, NULL, NULL, false, -1},
	/* nothing of the kind */
	{"nix", LANE_STATUS_UNKNOWN, 0, NULL, NULL, false, FINDING_LANE_UNKNOWN},
	{"nix-kvm", LANE_STATUS_UNKNOWN, 0, NULL, NULL, false, FINDING_LANE_UNKNOWN},
	{"self-hosted", LANE_STATUS_UNKNOWN, 0, NULL, NULL, false, FINDING_LANE_UNKNOWN},
	{"tinyland-gpu", LANE_STATUS_UNKNOWN, 0, NULL, NULL, false, FINDING_LANE_UNKNOWN},
	{"tinyland-nixx", LANE_STATUS_UNKNOWN, 0, NULL, NULL, false, FINDING_LANE_UNKNOWN},
};

static void check_text(const char *found, const char *expected)
{
	if (!expected)
		assert_null(found);
	else
		assert_string_equal(found, expected);
}

static void check_label(const struct label_row *row)
{
	CLEANUP_FREE char *label = mem_strdup(row->label);
	struct lane_identity identity = {
		.label = label, .source = (char[]){"--label"}, .confidence = LANE_EXPLICIT};
	struct context context = {.audience = AUDIENCE_CLUSTER};
	struct findings findings = {0};
	struct lane lane;

	lane_of_label(&lane, &identity, &contract, &context, &findings);
	if (lane.status != row->status || lane.promises != row->promises)
		fail_msg("%s: %s, promises 0x%x", row->label, lane_status_name(lane.status),
			 lane.promises);
	assert_string_equal(lane.label, row->label);
	check_text(lane.flavour, row->flavour);
	check_text(lane.system, row->system);
	assert_int_equal(lane.has_cluster_endpoints, row->has_cluster_endpoints);
	assert_int_equal(findings.count, row->finding >= 0);
	if (row->finding >= 0)
		assert_int_equal(findings.items[0].id, row->finding);
	findings_release(&findings);
	lane_release(&lane);
}

static void labels_promise(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(labels); i++)
		check_label(&labels[i]);
}

static void confidence_is_told(void **state)
{
	static const struct {
		const char *label;
		const char *source;
		enum lane_confidence confidence;
		enum audience audience;
		enum finding_id finding;
		enum severity severity;
	} rows[] = {
		{"acme-nix", "RUNNER_NAME", LANE_INFERRED, AUDIENCE_CLUSTER, FINDING_LANE_INFERRED,
		 SEVERITY_NOTICE},
		{"acme-nix", "RUNNER_NAME", LANE_AMBIGUOUS, AUDIENCE_CLUSTER,
		 FINDING_LANE_AMBIGUOUS, SEVERITY_WARNING},
		{"", "", LANE_UNKNOWN, AUDIENCE_CLUSTER, FINDING_LANE_UNKNOWN, SEVERITY_WARNING},
		{"", "", LANE_UNKNOWN, AUDIENCE_PERSON, FINDING_LANE_UNKNOWN, SEVERITY_NOTICE},
		{"", "--label", LANE_UNKNOWN, AUDIENCE_PERSON, FINDING_LANE_LABEL_REFUSED,
		 SEVERITY_WARNING},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		CLEANUP_FREE char *label = mem_strdup(rows[i].label);
		CLEANUP_FREE char *source = mem_strdup(rows[i].source);
		struct lane_identity identity = {label, source, rows[i].confidence};
		struct context context = {.audience = rows[i].audience};
		struct findings findings = {0};
		struct lane lane;

		lane_of_label(&lane, &identity, &contract, &context, &findings);
		assert_int_equal(findings.count, 1);
		assert_int_equal(findings.items[0].id, rows[i].finding);
		assert_int_equal(findings.items[0].severity, rows[i].severity);
		findings_release(&findings);
		lane_release(&lane);
	}
}

static void promises_have_names(void **state)
{
	(void)state;
	for (unsigned int bit = LANE_NIX; bit <= LANE_ATTIC_PUSH; bit <<= 1) {
		const char *name = lane_promise_name((enum lane_promise)bit);

		if (strcmp(name, "unknown") != 0)
			assert_true(lane_promise_by_name(name) & bit);
	}
	assert_int_equal(lane_promise_by_name("nix"), LANE_NIX);
	assert_int_equal(lane_promise_by_name("attic-push"), LANE_ATTIC | LANE_ATTIC_PUSH);
	assert_int_equal(lane_promise_by_name("dns"), 0);
	assert_int_equal(lane_promise_by_name("unknown"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_read),
		cmocka_unit_test(host_names_are_read),
		cmocka_unit_test(huge_names_are_refused),
		cmocka_unit_test(the_longest_label_wins),
		cmocka_unit_test(sources_are_asked_in_order),
		cmocka_unit_test(labels_promise),
		cmocka_unit_test(confidence_is_told),
		cmocka_unit_test(promises_have_names),
	};

	return cmocka_run_group_tests(tests, read_contract, drop_contract);
}
