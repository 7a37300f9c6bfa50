/* SPDX-License-Identifier: Zlib */
/* Which endpoints a job uses: precedence, the contract's ban, keys, promises. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cleanup.h"
#include "agent/context.h"
#include "agent/contract.h"
#include "agent/contract_environment.h"
#include "agent/endpoint.h"
#include "agent/endpoint_host.h"
#include "agent/error.h"
#include "agent/expect.h"
#include "agent/fact_names.h"
#include "agent/facts.h"
#include "agent/job.h"
#include "agent/lane.h"
#include "agent/mem.h"
#include "agent/options.h"
#include "tests/unit/built_in_contract.h"
#include "tests/unit/check.h"
#include "tests/unit/machine.h"

#define MAX_VARIABLES 4u
#define MAX_FINDINGS 3u

#define CLUSTER_ATTIC "http://attic.nix-cache.svc.cluster.local"
#define CLUSTER_BAZEL "grpc://bazel-cache.nix-cache.svc.cluster.local:9092"
#define PUBLIC_ATTIC "https://nix-cache.tinyland.dev"
#define PINNED "main:eaUydxuDu7xBoy5cCo3MdknYAkVyTIASQ7DGuwxa+XA="
#define RETIRED "main:l/gpjG5GLg1Gczmn5K97n5iSIRcsaWerICzdXqiBYT8="
#define OTHER "acme:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

/* What a choice is made from. */
struct given {
	const char *label;
	enum audience audience;
	const char *token;
	const char *variables[MAX_VARIABLES];
	struct options options;
	unsigned int expected; /* the expectations' require */
};

static void choose(struct endpoints *ret, const struct given *given, struct findings *findings)
{
	CLEANUP_FREE char *token = mem_strdup(given->token);
	CLEANUP_FREE char *label = mem_strdup(given->label);
	char *environment[MAX_VARIABLES + 1] = {0};
	struct context context = {
		.environment = environment, .audience = given->audience, .attic_token = token};
	struct lane_identity identity = {label, (char[]){"--label"}, LANE_EXPLICIT};
	struct expectations expect = {.require = given->expected};
	struct findings unused = {0};
	struct lane lane;

	for (size_t i = 0; i < MAX_VARIABLES; i++)
		environment[i] = mem_strdup(given->variables[i]);
	lane_of_label(&lane, &identity, &built_in_contract, &context, &unused);
	endpoints_choose(ret,
			 &(struct endpoint_basis){.options = &given->options,
						  .context = &context,
						  .contract = &built_in_contract,
						  .lane = &lane,
						  .expect = &expect},
			 findings);
	lane_release(&lane);
	findings_release(&unused);
	for (size_t i = 0; i < MAX_VARIABLES; i++)
		free(environment[i]);
}

/* What is expected of one endpoint: "" stands for NULL. */
struct outcome {
	const char *url, *source, *cache, *key, *key_source;
	bool is_public_read, is_promise, is_contract_server;
	enum finding_id findings[MAX_FINDINGS]; /* up to the first that is 0 */
};

static const char *or_empty(const char *text)
{
	return text ? text : "";
}

static void check_endpoint(size_t row, const struct endpoint *found, const struct outcome *expected)
{
	if (strcmp(or_empty(found->url), or_empty(expected->url)) != 0)
		fail_msg("row %zu: %s instead of %s", row, or_empty(found->url),
			 or_empty(expected->url));
	assert_string_equal(or_empty(found->source), or_empty(expected->source));
	assert_string_equal(or_empty(found->cache), or_empty(expected->cache));
	assert_string_equal(or_empty(found->public_key), or_empty(expected->key));
	assert_string_equal(or_empty(found->key_source), or_empty(expected->key_source));
	assert_int_equal(found->is_public_read, expected->is_public_read);
	assert_int_equal(found->is_promise, expected->is_promise);
	assert_int_equal(found->is_contract_server, expected->is_contract_server);
}

static void check_findings(size_t row, const struct findings *findings,
			   const enum finding_id expected[MAX_FINDINGS])
{
	size_t count = 0;

	while (count < MAX_FINDINGS && expected[count])
		count++;
	if (findings->count != count)
		fail_msg("row %zu: %zu findings, the first is %s", row, findings->count,
			 findings->count ? finding_kind(findings->items[0].id)->id : "none");
	for (size_t i = 0; i < count; i++)
		assert_int_equal(findings->items[i].id, expected[i]);
}

/* ---- Attic */

static const struct attic_row {
	struct given given;
	struct outcome outcome;
} attic_rows[] = {
	/* the contract's default: on its own lanes, in the cluster, and nowhere else */
	{{.label = "tinyland-nix", .audience = AUDIENCE_CLUSTER},
	 {.url = CLUSTER_ATTIC,
	  .source = "contract",
	  .cache = "main",
	  .key = PINNED,
	  .key_source = "contract",
	  .is_contract_server = true}},
	{{.label = "tinyland-nix", .audience = AUDIENCE_PERSON}, {0}},
	{{.label = "tinyland-nix", .audience = AUDIENCE_HOSTED}, {0}},
	{{.label = "tinyland-docker", .audience = AUDIENCE_CLUSTER}, {0}},
	{{.label = "acme-nix", .audience = AUDIENCE_CLUSTER}, {0}},
	{{.label = "gl-nix", .audience = AUDIENCE_CLUSTER}, {0}},
	{{.label = "", .audience = AUDIENCE_CLUSTER}, {0}},
	/* the environment */
	{{.label = "acme-nix",
	  .variables = {"ATTIC_SERVER=http://attic.acme.svc/", "ATTIC_CACHE=ci",
			"ATTIC_PUBLIC_KEY=" OTHER}},
	 {.url = "http://attic.acme.svc",
	  .source = "ATTIC_SERVER",
	  .cache = "ci",
	  .key = OTHER,
	  .key_source = "ATTIC_PUBLIC_KEY"}},
	{{.label = "acme-nix", .variables = {"ATTIC_SERVER="}}, {0}},
	{{.label = "", .variables = {"ATTIC_SERVER=http://attic.acme.svc"}},
	 {.url = "http://attic.acme.svc", .source = "ATTIC_SERVER", .cache = "main"}},
	{{.label = "chapel-nix", .variables = {"ATTIC_SERVER=http://attic.acme.svc"}},
	 {.url = "http://attic.acme.svc", .source = "ATTIC_SERVER", .cache = "main"}},
	{{.label = "tinyland-docker",
	  .audience = AUDIENCE_CLUSTER,
	  .variables = {"ATTIC_SERVER=http://attic.acme.svc"}},
	 {0}},
	/* flags come first, and always count */
	{{.label = "tinyland-docker",
	  .audience = AUDIENCE_CLUSTER,
	  .variables = {"ATTIC_SERVER=http://attic.acme.svc", "ATTIC_CACHE=ci"},
	  .options = {.attic_url = "https://a.example.org",
		      .attic_url_source = "SPINUP_ATTIC",
		      .attic_cache = "mine",
		      .attic_public_key = OTHER}},
	 {.url = "https://a.example.org",
	  .source = "SPINUP_ATTIC",
	  .cache = "mine",
	  .key = OTHER,
	  .key_source = "--attic-public-key"}},
	/* what the agent itself exported before is the same server */
	{{.label = "tinyland-nix",
	  .audience = AUDIENCE_CLUSTER,
	  .variables = {"ATTIC_SERVER=" CLUSTER_ATTIC "/", "ATTIC_CACHE=main",
			"ATTIC_PUBLIC_KEY=" PINNED}},
	 {.url = CLUSTER_ATTIC,
	  .source = "ATTIC_SERVER",
	  .cache = "main",
	  .key = PINNED,
	  .key_source = "contract",
	  .is_contract_server = true}},
	{{.label = "tinyland-nix",
	  .variables = {"ATTIC_SERVER=http://user:pw@ATTIC.nix-cache.svc.cluster.local:80"}},
	 {.url = "http://user:pw@ATTIC.nix-cache.svc.cluster.local:80",
	  .source = "ATTIC_SERVER",
	  .cache = "main",
	  .key = PINNED,
	  .key_source = "contract",
	  .is_contract_server = true}},
	/* the contract's own server: no key from the environment, and the pin for its cache alone */
	{{.label = "tinyland-nix",
	  .audience = AUDIENCE_CLUSTER,
	  .variables = {"ATTIC_PUBLIC_KEY=" OTHER}},
	 {.url = CLUSTER_ATTIC,
	  .source = "contract",
	  .cache = "main",
	  .key = PINNED,
	  .key_source = "contract",
	  .is_contract_server = true,
	  .findings = {FINDING_ATTIC_KEY_IGNORED}}},
	{{.label = "tinyland-nix",
	  .audience = AUDIENCE_CLUSTER,
	  .variables = {"ATTIC_CACHE=project", "ATTIC_PUBLIC_KEY=" OTHER}},
	 {.url = CLUSTER_ATTIC,
	  .source = "contract",
	  .cache = "project",
	  .is_contract_server = true,
	  .findings = {FINDING_ATTIC_KEY_IGNORED}}},
	{{.label = "tinyland-nix",
	  .audience = AUDIENCE_CLUSTER,
	  .variables = {"ATTIC_CACHE=project"},
	  .options = {.attic_public_key = OTHER}},
	 {.url = CLUSTER_ATTIC,
	  .source = "contract",
	  .cache = "project",
	  .key = OTHER,
	  .key_source = "--attic-public-key",
	  .is_contract_server = true}},
	{{.label = "tinyland-nix",
	  .audience = AUDIENCE_CLUSTER,
	  .options = {.attic_public_key = RETIRED}},
	 {.url = CLUSTER_ATTIC,
	  .source = "contract",
	  .cache = "main",
	  .key = RETIRED,
	  .key_source = "--attic-public-key",
	  .is_contract_server = true,
	  .findings = {FINDING_ATTIC_GIVEN_KEY_RETIRED}}},
	/* the public cache: opt-in, last of all, never with a token */
	{{.label = "ubuntu-latest",
	  .audience = AUDIENCE_HOSTED,
	  .options = {.is_attic_public_read = true}},
	 {.url = PUBLIC_ATTIC,
	  .source = "contract, public read",
	  .cache = "main",
	  .key = PINNED,
	  .key_source = "contract",
	  .is_public_read = true,
	  .is_contract_server = true}},
	{{.label = "ubuntu-latest",
	  .audience = AUDIENCE_HOSTED,
	  .variables = {"ATTIC_CACHE=other"},
	  .options = {.is_attic_public_read = true}},
	 {.url = PUBLIC_ATTIC,
	  .source = "contract, public read",
	  .cache = "other",
	  .is_public_read = true,
	  .is_contract_server = true}},
	{{.label = "ubuntu-latest",
	  .audience = AUDIENCE_HOSTED,
	  .token = "t",
	  .options = {.is_attic_public_read = true}},
	 {.findings = {FINDING_ATTIC_PUBLIC_READ_STEPPED_BACK}}},
	{{.label = "tinyland-nix",
	  .audience = AUDIENCE_CLUSTER,
	  .options = {.is_attic_public_read = true}},
	 {.url = CLUSTER_ATTIC,
	  .source = "contract",
	  .cache = "main",
	  .key = PINNED,
	  .key_source = "contract",
	  .is_contract_server = true}},
	{{.label = "tinyland-nix",
	  .audience = AUDIENCE_PERSON,
	  .token = "t",
	  .options = {.attic_url = PUBLIC_ATTIC}},
	 {.url = PUBLIC_ATTIC,
	  .source = "--attic",
	  .cache = "main",
	  .key = PINNED,
	  .key_source = "contract",
	  .is_contract_server = true}},
	/* promises */
	{{.label = "tinyland-nix",
	  .audience = AUDIENCE_CLUSTER,
	  .options = {.require = {"kvm", "attic"}}},
	 {.url = CLUSTER_ATTIC,
	  .source = "contract",
	  .cache = "main",
	  .key = PINNED,
	  .key_source = "contract",
	  .is_contract_server = true,
	  .is_promise = true}},
	{{.label = "tinyland-docker", .audience = AUDIENCE_CLUSTER, .expected = LANE_ATTIC},
	 {.url = CLUSTER_ATTIC,
	  .source = "contract",
	  .cache = "main",
	  .key = PINNED,
	  .key_source = "contract",
	  .is_contract_server = true,
	  .is_promise = true}},
	{{.label = "acme-nix", .audience = AUDIENCE_CLUSTER, .expected = LANE_ATTIC},
	 {.is_promise = true, .findings = {FINDING_REQUIRED_CACHE_WITHOUT_ENDPOINT}}},
	/* what is no URL, no name, no key: the next source */
	{{.label = "tinyland-nix",
	  .audience = AUDIENCE_CLUSTER,
	  .variables = {"ATTIC_SERVER=${ATTIC}"}},
	 {.url = CLUSTER_ATTIC,
	  .source = "contract",
	  .cache = "main",
	  .key = PINNED,
	  .key_source = "contract",
	  .is_contract_server = true,
	  .findings = {FINDING_ENDPOINT_NOT_VALID}}},
	{{.label = "tinyland-nix",
	  .audience = AUDIENCE_CLUSTER,
	  .variables = {"ATTIC_SERVER=grpc://attic.acme.svc"},
	  .options = {.attic_url = "attic.acme.svc"}},
	 {.url = CLUSTER_ATTIC,
	  .source = "contract",
	  .cache = "main",
	  .key = PINNED,
	  .key_source = "contract",
	  .is_contract_server = true,
	  .findings = {FINDING_ENDPOINT_NOT_VALID, FINDING_ENDPOINT_NOT_VALID}}},
	{{.label = "tinyland-nix",
	  .audience = AUDIENCE_CLUSTER,
	  .variables = {"ATTIC_CACHE=a/b", "ATTIC_PUBLIC_KEY=main:short"},
	  .options = {.attic_cache = "-x"}},
	 {.url = CLUSTER_ATTIC,
	  .source = "contract",
	  .cache = "main",
	  .key = PINNED,
	  .key_source = "contract",
	  .is_contract_server = true,
	  .findings = {FINDING_ATTIC_CACHE_NAME_NOT_VALID, FINDING_ATTIC_CACHE_NAME_NOT_VALID,
		       FINDING_ATTIC_KEY_NOT_VALID}}},
	/* out of contract */
	{{.label = "tinyland-nix",
	  .audience = AUDIENCE_CLUSTER,
	  .variables = {"ATTIC_SERVER=http://attic-api.nix-cache.svc.cluster.local:8080"}},
	 {.url = CLUSTER_ATTIC,
	  .source = "contract",
	  .cache = "main",
	  .key = PINNED,
	  .key_source = "contract",
	  .is_contract_server = true,
	  .findings = {FINDING_OUT_OF_CONTRACT_IGNORED}}},
	{{.label = "tinyland-nix",
	  .audience = AUDIENCE_CLUSTER,
	  .options = {.attic_url = "https://attic.tinyland.dev"}},
	 {.url = "https://attic.tinyland.dev",
	  .source = "--attic",
	  .cache = "main",
	  .findings = {FINDING_OUT_OF_CONTRACT_USED}}},
	{{.label = "acme-nix", .variables = {"ATTIC_SERVER=https://attic.dev-cluster.example.com"}},
	 {.findings = {FINDING_OUT_OF_CONTRACT_IGNORED}}},
	{{.label = "acme-nix",
	  .variables = {"ATTIC_SERVER=http://attic.attic-cache-dev.svc.cluster.local"}},
	 {.findings = {FINDING_OUT_OF_CONTRACT_IGNORED}}},
	{{.label = "acme-nix", .variables = {"ATTIC_SERVER=http://cache.fuzzy-dev.example.org"}},
	 {.findings = {FINDING_OUT_OF_CONTRACT_IGNORED}}},
};

static void attic_is_chosen(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(attic_rows); i++) {
		struct endpoints endpoints;
		struct findings findings = {0};

		/* Bazel is the other table's matter: contract rows alone say nothing of it. */
		choose(&endpoints, &attic_rows[i].given, &findings);
		check_endpoint(i, &endpoints.attic, &attic_rows[i].outcome);
		check_findings(i, &findings, attic_rows[i].outcome.findings);
		endpoints_release(&endpoints);
		findings_release(&findings);
	}
}

/* ---- Bazel */

#define PROOF "GF_BAZEL_ALLOW_LOCALHOST_PROOF=true"

static const struct attic_row bazel_rows[] = {
	{{.label = "tinyland-docker", .audience = AUDIENCE_CLUSTER},
	 {.url = CLUSTER_BAZEL, .source = "contract", .is_contract_server = true}},
	{{.label = "tinyland-docker", .audience = AUDIENCE_PERSON}, {0}},
	{{.label = "acme-dind", .audience = AUDIENCE_CLUSTER}, {0}},
	{{.label = "acme-dind", .variables = {"BAZEL_REMOTE_CACHE=grpcs://cache.acme.svc:9092"}},
	 {.url = "grpcs://cache.acme.svc:9092", .source = "BAZEL_REMOTE_CACHE"}},
	{{.label = "acme-dind", .variables = {"BAZEL_REMOTE_CACHE=cache.acme.svc:9092"}},
	 {.findings = {FINDING_ENDPOINT_NOT_VALID}}},
	{{.label = "acme-dind", .variables = {"BAZEL_REMOTE_CACHE=unix:/run/cache.sock"}},
	 {.findings = {FINDING_ENDPOINT_NOT_VALID}}},
	{{.label = "acme-dind", .variables = {"BAZEL_REMOTE_CACHE=grpc://localhost:9092"}},
	 {.findings = {FINDING_OUT_OF_CONTRACT_IGNORED}}},
	{{.label = "acme-dind", .variables = {"BAZEL_REMOTE_CACHE=grpc://127.0.0.1:9092", PROOF}},
	 {.url = "grpc://127.0.0.1:9092", .source = "BAZEL_REMOTE_CACHE"}},
	{{.label = "acme-dind", .options = {.bazel_url = "grpc://[::1]:9092"}},
	 {.url = "grpc://[::1]:9092",
	  .source = "--bazel",
	  .findings = {FINDING_OUT_OF_CONTRACT_USED}}},
	{{.label = "tinyland-docker",
	  .audience = AUDIENCE_CLUSTER,
	  .variables = {"BAZEL_REMOTE_CACHE=grpcs://cache.example.org"}},
	 {.url = CLUSTER_BAZEL,
	  .source = "contract",
	  .is_contract_server = true,
	  .findings = {FINDING_OUT_OF_CONTRACT_IGNORED}}},
	{{.label = "acme-dind", .options = {.bazel_url = "https://cache.example.org/x"}},
	 {.url = "https://cache.example.org/x",
	  .source = "--bazel",
	  .findings = {FINDING_OUT_OF_CONTRACT_USED}}},
	{{.label = "acme-dind", .variables = {"BAZEL_REMOTE_CACHE=http://10.1.2.3:8080"}},
	 {.url = "http://10.1.2.3:8080", .source = "BAZEL_REMOTE_CACHE"}},
	{{.label = "acme-dind", .audience = AUDIENCE_CLUSTER, .options = {.require = {"bazel"}}},
	 {.is_promise = true, .findings = {FINDING_REQUIRED_CACHE_WITHOUT_ENDPOINT}}},
};

static void bazel_is_chosen(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(bazel_rows); i++) {
		struct endpoints endpoints;
		struct findings findings = {0};

		choose(&endpoints, &bazel_rows[i].given, &findings);
		check_endpoint(i, &endpoints.bazel, &bazel_rows[i].outcome);
		check_findings(i, &findings, bazel_rows[i].outcome.findings);
		endpoints_release(&endpoints);
		findings_release(&findings);
	}
}

static void an_executor_is_refused_or_left_alone(void **state)
{
	static const struct {
		const char *label, *variables[2];
		bool is_refused;
		enum finding_id finding;
	} rows[] = {
		{"acme-dind", {0}, false, 0},
		{"acme-dind", {"BAZEL_REMOTE_EXECUTOR=grpc://reapi.acme.svc:8980"}, false, 0},
		{"acme-dind",
		 {"BAZEL_REMOTE_EXECUTOR=grpc://localhost:8980"},
		 true,
		 FINDING_OUT_OF_CONTRACT_IGNORED},
		{"acme-dind", {"BAZEL_REMOTE_EXECUTOR=grpc://localhost:8980", PROOF}, false, 0},
		{"acme-dind",
		 {"BAZEL_REMOTE_EXECUTOR=grpcs://reapi.example.org"},
		 true,
		 FINDING_OUT_OF_CONTRACT_IGNORED},
		{"acme-dind",
		 {"BAZEL_REMOTE_EXECUTOR=${EXECUTOR}"},
		 true,
		 FINDING_ENDPOINT_NOT_VALID},
		/* a lane that has nothing to do with Bazel */
		{"nix-vm-test-kvm", {"BAZEL_REMOTE_EXECUTOR=grpc://localhost:8980"}, false, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct given given = {
			.label = rows[i].label,
			.variables = {rows[i].variables[0], rows[i].variables[1]}};
		struct endpoints endpoints;
		struct findings findings = {0};

		choose(&endpoints, &given, &findings);
		assert_int_equal(endpoints.is_executor_refused, rows[i].is_refused);
		assert_int_equal(findings.count, rows[i].finding != 0);
		if (rows[i].finding)
			assert_int_equal(findings.items[0].id, rows[i].finding);
		endpoints_release(&endpoints);
		findings_release(&findings);
	}
}

/* GitLab's state is named, and its password is not. */
static void state_out_of_contract_is_named(void **state)
{
	static const struct {
		const char *variables[3];
		const char *subject; /* NULL: nothing is said */
	} rows[] = {
		{{"PATH=/bin", "MY_TF_HTTP_ADDRESS=x"}, NULL},
		{{"TF_HTTP_ADDRESS=", "TF_HTTP_ADDRESS"}, NULL},
		{{"TF_HTTP_ADDRESS=https://gitlab.example.org"}, "TF_HTTP_ADDRESS"},
		{{"TF_HTTP_ADDRESS=https://a", "A=b", "TF_HTTP_PASSWORD=hunter2"},
		 "TF_HTTP_ADDRESS, TF_HTTP_PASSWORD"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char *environment[4] = {0};
		const struct context context = {.environment = environment};
		struct findings findings = {0};

		for (size_t j = 0; j < 3; j++)
			environment[j] = mem_strdup(rows[i].variables[j]);
		contract_judge_environment(&built_in_contract, &context, &findings);
		assert_int_equal(findings.count, rows[i].subject != NULL);
		if (rows[i].subject) {
			assert_int_equal(findings.items[0].id, FINDING_OUT_OF_CONTRACT_STATE);
			assert_int_equal(findings.items[0].severity, SEVERITY_NOTICE);
			assert_string_equal(findings.items[0].subject, rows[i].subject);
			assert_null(strstr(findings.items[0].detail, "hunter2"));
		}
		findings_release(&findings);
		for (size_t j = 0; j < 3; j++)
			free(environment[j]);
	}
}

/* ---- what is said */

static void nothing_said_holds_a_secret(void **state)
{
	static const char *const variables[][2] = {
		{"ATTIC_SERVER=http://user:hunter2@attic.tinyland.dev",
		 "BAZEL_REMOTE_CACHE=grpc://:hunter2@cache.example.org"},
		{"ATTIC_SERVER=http://user:hunter2@attic acme", "BAZEL_REMOTE_CACHE=hunter2"},
		{"ATTIC_SERVER=http://a.svc", "ATTIC_CACHE=hunter2:/"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(variables); i++) {
		struct given given = {.label = "acme-nix",
				      .variables = {variables[i][0], variables[i][1]}};
		struct endpoints endpoints;
		struct findings findings = {0};

		choose(&endpoints, &given, &findings);
		assert_true(findings.count > 0);
		for (size_t j = 0; j < findings.count; j++) {
			assert_null(strstr(findings.items[j].detail, "hunter2"));
			assert_null(strstr(findings.items[j].subject, "hunter2"));
			assert_null(strstr(findings.items[j].remedy, "hunter2"));
		}
		endpoints_release(&endpoints);
		findings_release(&findings);
	}
}

static void a_display_has_no_user(void **state)
{
	struct endpoint endpoint = {.url = (char[]){"http://user:hunter2@attic.acme.svc/x"}};
	struct endpoint none = {0};
	CLEANUP_FREE char *shown = endpoint_display(&endpoint);
	CLEANUP_FREE char *nothing = endpoint_display(&none);

	(void)state;
	assert_string_equal(shown, "http://attic.acme.svc/x");
	assert_string_equal(nothing, "");
}

static void replacements_become_remedies(void **state)
{
	struct given given = {.label = "acme-nix",
			      .variables = {"ATTIC_SERVER=https://attic.tinyland.dev"}};
	struct endpoints endpoints;
	struct findings findings = {0};

	(void)state;
	choose(&endpoints, &given, &findings);
	assert_int_equal(findings.count, 1);
	assert_string_equal(findings.items[0].subject, "ATTIC_SERVER");
	assert_string_equal(findings.items[0].remedy, "Use instead: " PUBLIC_ATTIC);
	endpoints_release(&endpoints);
	findings_release(&findings);
}

static void hosts_are_told_apart(void **state)
{
	static const struct {
		const char *host;
		bool is_local, is_private;
	} rows[] = {
		{"localhost", true, true},
		{"a.localhost", true, true},
		{"127.0.0.1", true, true},
		{"127.255.255.255", true, true},
		{"::1", true, true},
		{"0.0.0.0", true, true},
		{"::", true, true},
		{"0.0.0.1", false, false},
		{"::ffff:127.0.0.1", true, true},
		{"bazel-cache.nix-cache.svc.cluster.local", false, true},
		{"bazel-cache.nix-cache.svc", false, true},
		{"bazel-cache", false, true},
		{"honey.tail1234.ts.net", false, true},
		{"10.0.0.1", false, true},
		{"172.16.0.1", false, true},
		{"172.31.255.255", false, true},
		{"172.32.0.1", false, false},
		{"192.168.1.1", false, true},
		{"192.169.1.1", false, false},
		{"100.64.0.1", false, true},
		{"100.127.255.255", false, true},
		{"100.128.0.1", false, false},
		{"169.254.169.254", false, false},
		{"8.8.8.8", false, false},
		{"::ffff:8.8.8.8", false, false},
		{"::ffff:10.0.0.1", false, true},
		{"fd12::1", false, true},
		{"fc00::1", false, true},
		{"fe80::1", false, false},
		{"2001:db8::1", false, false},
		{"localhost.example.org", false, false},
		{"notlocalhost", false, true},
		{"svc.example.org", false, false},
		{"evil-svc.example.org", false, false},
		{"ts.net", false, false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		if (endpoint_host_is_local(rows[i].host) != rows[i].is_local ||
		    endpoint_host_is_private(rows[i].host) != rows[i].is_private)
			fail_msg("%s", rows[i].host);
}

/* ---- the whole job */

static void a_job_ties_it_together(void **state)
{
	struct machine machine;
	struct options options = {.require = {"bazel", "dns"}};
	char *environment[] = {
		(char[]){"GITHUB_ACTIONS=true"},
		(char[]){"GITHUB_ENV=/t/env"},
		(char[]){"KUBERNETES_SERVICE_HOST=10.0.0.1"},
		(char[]){"RUNNER_NAME=tinyland-nix-kvm-bcdfg-runner-hjklm"},
		(char[]){"ACTIONS_RUNNER_CONTAINER_HOOKS=/home/runner/k8s/index.js"},
		NULL,
	};
	struct job job;
	struct error error = {0};

	(void)state;
	machine_make(&machine);
	options.root = machine.directory;
	if (job_read(&job, &options, environment, &error) < 0)
		fail_msg("%s", error.message);
	assert_int_equal(job.context.surface, SURFACE_HOOK);
	assert_string_equal(job.lane.label, "tinyland-nix-kvm");
	assert_int_equal(job.identity.confidence, LANE_MATCHED);
	assert_int_equal(job.required, LANE_NIX | LANE_KVM | LANE_ATTIC | LANE_BAZEL);
	assert_string_equal(job.endpoints.attic.url, CLUSTER_ATTIC);
	assert_false(job.endpoints.attic.is_promise);
	assert_true(job.endpoints.bazel.is_promise);
	assert_non_null(findings_find(&job.findings, FINDING_JOB_POD_NOT_PROBED));
	assert_non_null(findings_find(&job.findings, FINDING_EXPECTATIONS_NOT_CHECKED_OUT));
	assert_int_equal(job.findings.count, 2);
	job_release(&job);
	machine_remove(&machine);
}

/* Whoever takes a probe's process over cannot put his own server or key in the place of ours. */
static void a_probe_says_what_it_was_told(void **state)
{
	static const struct {
		const char *fact, *said;
		bool is_kept;
	} rows[] = {
		{FACT_ATTIC_URL, CLUSTER_ATTIC, true},
		{FACT_ATTIC_URL, "http://evil.example", false},
		{FACT_ATTIC_URL, "", false},
		{FACT_ATTIC_CACHE, "main", true},
		{FACT_ATTIC_CACHE, "other", false},
		{FACT_ATTIC_KEY, PINNED, true},
		{FACT_ATTIC_KEY, OTHER, false},
		{FACT_BAZEL_URL, CLUSTER_BAZEL, true}, /* without the user */
		{FACT_BAZEL_URL, "grpc://evil.example", false},
		{"attic.server_key", OTHER, true}, /* shown, never used */
	};
	const struct endpoints endpoints = {
		.attic = {.url = (char *)(uintptr_t)CLUSTER_ATTIC,
			  .cache = (char *)(uintptr_t) "main",
			  .public_key = (char *)(uintptr_t)PINNED},
		.bazel = {.url = (char *)(uintptr_t) "grpc://u:p@bazel-cache.nix-cache.svc.cluster."
						     "local:9092"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct findings findings = {0};
		struct facts facts = {0};

		facts_set_text(&facts, rows[i].fact, FACT_STRING, rows[i].said);
		endpoints_check_facts(&endpoints, &facts, &findings);
		assert_int_equal(facts_string(&facts, rows[i].fact) != NULL, rows[i].is_kept);
		assert_int_equal(findings.count, rows[i].is_kept ? 0 : 1);
		facts_release(&facts);
		findings_release(&findings);
	}
}

static void a_key_that_nobody_chose_is_refused(void **state)
{
	const struct endpoints none = {0};
	struct findings findings = {0};
	struct facts facts = {0};

	(void)state;
	facts_set_text(&facts, FACT_ATTIC_KEY, FACT_STRING, OTHER);
	endpoints_check_facts(&none, &facts, &findings);
	assert_int_equal(facts.count, 0);
	assert_int_equal(findings.count, 1);
	facts_release(&facts);
	findings_release(&findings);
}

static void a_job_that_cannot_be_read_is_released(void **state)
{
	struct options options = {.contract_path = "/none.json"};
	char *environment[] = {NULL};
	struct job job;
	struct error error = {0};

	(void)state;
	assert_int_equal(job_read(&job, &options, environment, &error), -1);
	assert_int_equal(error.code, ERROR_USAGE);
	job_release(&job);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(attic_is_chosen),
		cmocka_unit_test(bazel_is_chosen),
		cmocka_unit_test(an_executor_is_refused_or_left_alone),
		cmocka_unit_test(state_out_of_contract_is_named),
		cmocka_unit_test(nothing_said_holds_a_secret),
		cmocka_unit_test(a_display_has_no_user),
		cmocka_unit_test(replacements_become_remedies),
		cmocka_unit_test(hosts_are_told_apart),
		cmocka_unit_test(a_job_ties_it_together),
		cmocka_unit_test(a_probe_says_what_it_was_told),
		cmocka_unit_test(a_key_that_nobody_chose_is_refused),
		cmocka_unit_test(a_job_that_cannot_be_read_is_released),
	};

	return cmocka_run_group_tests(tests, built_in_contract_read, built_in_contract_drop);
}
