/* SPDX-License-Identifier: Zlib */
/* What the next steps get, by what was proven and where the run is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/command.h"
#include "agent/environment.h"
#include "agent/fact_names.h"
#include "agent/mem.h"
#include "tests/unit/check.h"
#include "tests/unit/sample.h"

#define KEY "main:eaUydxuDu7xBoy5cCo3MdknYAkVyTIASQ7DGuwxa+XA="

static void set_up(struct sample *sample)
{
	sample_make(sample);
	environment_release(&sample->environment);
	findings_release(&sample->run.findings);
}

static void compose(struct sample *sample)
{
	environment_compose(&sample->environment, &sample->job, &sample->run,
			    &sample->run.findings);
}

/* "-" stands for a variable that is not set. */
static void expect_variable(const struct sample *sample, const char *name, const char *value)
{
	const struct variable *variable = environment_find(&sample->environment, name);

	if (strcmp(variable ? variable->value : "-", value) != 0)
		fail_msg("%s is %s and not %s", name, variable ? variable->value : "-", value);
}

enum attic_case { USABLE, DEAD, SKIPPED, NO_ENDPOINT, PUBLIC };

static void set_attic(struct sample *sample, enum attic_case kind)
{
	struct endpoint *endpoint = &sample->job.endpoints.attic;

	if (kind == DEAD)
		facts_set_number(&sample->run.facts, FACT_ATTIC_USABLE, FACT_BOOLEAN, 0);
	if (kind == SKIPPED || kind == NO_ENDPOINT) {
		sample->run.results[3] = sample->run.results[4];
		facts_forget(&sample->run.facts, "attic");
	}
	if (kind == NO_ENDPOINT) {
		free(endpoint->url);
		endpoint->url = NULL;
	}
	endpoint->is_public_read = kind == PUBLIC;
}

/* INJECTED: the pod has set ATTIC_SERVER; SOURCE: where the value in use came from. */
static void attic_by_what_became_of_it(void **state)
{
	static const char url[] = "http://attic.nix-cache.svc.cluster.local";
	static const struct {
		enum attic_case kind;
		bool is_injected;
		const char *source;
		const char *server, *cache, *key;
	} rows[] = {
		{USABLE, false, "contract", url, "main", KEY},
		{USABLE, true, "contract", url, "main", KEY},
		{DEAD, false, "contract", "", "-", "-"},
		{DEAD, true, "environment ATTIC_SERVER", "", "-", "-"},
		{SKIPPED, false, "contract", "-", "-", "-"},
		{SKIPPED, true, "environment ATTIC_SERVER", "-", "-", "-"},
		{SKIPPED, true, "flag --attic", "-", "-", "-"},
		{SKIPPED, true, "contract", "", "-", "-"},
		{NO_ENDPOINT, false, "contract", "-", "-", "-"},
		{NO_ENDPOINT, true, "contract", "", "-", "-"},
		{PUBLIC, false, "contract", "-", "-", KEY},
		{PUBLIC, true, "contract", "", "-", KEY},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct sample sample;

		set_up(&sample);
		set_attic(&sample, rows[i].kind);
		free(sample.job.endpoints.attic.source);
		sample.job.endpoints.attic.source = mem_strdup(rows[i].source);
		if (rows[i].is_injected)
			sample_set(&sample, "ATTIC_SERVER=http://somewhere.example");
		compose(&sample);
		expect_variable(&sample, "ATTIC_SERVER", rows[i].server);
		expect_variable(&sample, "ATTIC_CACHE", rows[i].cache);
		expect_variable(&sample, "ATTIC_PUBLIC_KEY", rows[i].key);
		assert_int_equal(sample.run.findings.count, 0);
		sample_release(&sample);
	}
}

/* Only for a cache that the next steps will use, and by the endpoint's own name. */
static void a_way_past_the_proxy_is_kept(void **state)
{
	static const struct {
		enum attic_case kind;
		bool is_direct_only;
		const char *server, *list;
	} rows[] = {
		{USABLE, false, NULL, "-"},
		{USABLE, true, NULL, "a.test,.svc.cluster.local"},
		{USABLE, true, "http://10.43.0.20:80", "a.test,10.43.0.20"},
		{PUBLIC, true, "https://nix-cache.tinyland.dev", "a.test,nix-cache.tinyland.dev"},
		{DEAD, true, NULL, "-"},
		{SKIPPED, false, NULL, "-"},
		{NO_ENDPOINT, true, NULL, "-"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct endpoint *endpoint;
		struct sample sample;

		set_up(&sample);
		endpoint = &sample.job.endpoints.attic;
		facts_set_number(&sample.run.facts, FACT_ATTIC_DIRECT_ONLY, FACT_BOOLEAN,
				 rows[i].is_direct_only);
		set_attic(&sample, rows[i].kind);
		if (rows[i].server) {
			free(endpoint->url);
			endpoint->url = mem_strdup(rows[i].server);
		}
		sample_set(&sample, "NO_PROXY=a.test");
		compose(&sample);
		expect_variable(&sample, "no_proxy", rows[i].list);
		expect_variable(&sample, "NO_PROXY", rows[i].list);
		sample_release(&sample);
	}
}

static void a_refused_executor_is_emptied(void **state)
{
	(void)state;
	for (int is_refused = 0; is_refused <= 1; is_refused++) {
		struct sample sample;

		set_up(&sample);
		sample.job.endpoints.is_executor_refused = is_refused;
		compose(&sample);
		expect_variable(&sample, "BAZEL_REMOTE_EXECUTOR", is_refused ? "" : "-");
		sample_release(&sample);
	}
}

static void a_probe_cannot_slip_a_value_in(void **state)
{
	static const struct {
		const char *fact, *value, *name;
	} rows[] = {
		{FACT_ATTIC_URL, "http://a b", "ATTIC_SERVER"},
		{FACT_ATTIC_URL, "http://u:p@a", "ATTIC_SERVER"},
		{FACT_ATTIC_CACHE, "ma in", "ATTIC_CACHE"},
		{FACT_ATTIC_CACHE, "", "ATTIC_CACHE"},
		{FACT_ATTIC_CACHE, "--help", "ATTIC_CACHE"},
		{FACT_ATTIC_KEY, "main", "ATTIC_PUBLIC_KEY"},
		{FACT_ATTIC_KEY, "main:AAAA", "ATTIC_PUBLIC_KEY"},
		{FACT_ATTIC_KEY, KEY "\nevil", "ATTIC_PUBLIC_KEY"},
		{FACT_ATTIC_KEY,
		 "a b:eaUydxuDu7xBoy5cCo3MdknYAkVyTIASQ7DGuwxa+XA=", "ATTIC_PUBLIC_KEY"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct sample sample;

		set_up(&sample);
		facts_set_text(&sample.run.facts, rows[i].fact, FACT_STRING, rows[i].value);
		compose(&sample);
		expect_variable(&sample, rows[i].name, "-");
		assert_non_null(
			findings_find(&sample.run.findings, FINDING_ENVIRONMENT_VALUE_REFUSED));
		sample_release(&sample);
	}
}

static void names_of_our_own(void **state)
{
	static const struct {
		enum surface surface;
		const char *label, *lane, *report;
	} rows[] = {
		{SURFACE_STEP, "tinyland-nix", "tinyland-nix",
		 "/runner/_work/_temp/spinup/report.json"},
		{SURFACE_HOOK, "", "-", "/runner/_work/_temp/spinup/report.json"},
		{SURFACE_ENTRYPOINT, "", "-", "/runner/_work/_temp/spinup/report.json"},
		{SURFACE_LOCAL, "a b", "-", "-"},
		{SURFACE_LOCAL, "x\nEVIL=1", "-", "-"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct sample sample;

		set_up(&sample);
		sample.job.context.surface = rows[i].surface;
		free(sample.job.lane.label);
		sample.job.lane.label = mem_strdup(rows[i].label);
		compose(&sample);
		expect_variable(&sample, "SPINUP_LANE", rows[i].lane);
		expect_variable(&sample, "SPINUP_REPORT_PATH", rows[i].report);
		expect_variable(&sample, "SPINUP_BAZELRC_PATH",
				"/runner/_work/_temp/spinup/bazelrc");
		sample_release(&sample);
	}
}

/* A secret is written only where a runner can be told before to hide it. */
static void secrets_need_a_runner_that_hides_them(void **state)
{
	static const struct {
		enum surface surface;
		bool is_act;
		const char *url;
		const char *value;
	} rows[] = {
		{SURFACE_STEP, false, "grpc://me:pass-secret@b:1", "grpc://me:pass-secret@b:1"},
		{SURFACE_HOOK, false, "grpc://me:pass-secret@b:1", "grpc://me:pass-secret@b:1"},
		{SURFACE_STEP, true, "grpc://me:pass-secret@b:1", "-"},
		{SURFACE_LOCAL, false, "grpc://me:pass-secret@b:1", "-"},
		{SURFACE_ENTRYPOINT, false, "grpc://me:pass-secret@b:1", "-"},
		{SURFACE_STEP, false, "grpc://me:abc@b:1", "-"},
		{SURFACE_STEP, true, "grpc://b:1", "grpc://b:1"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct sample sample;

		set_up(&sample);
		sample.job.context.surface = rows[i].surface;
		sample.job.context.is_act = rows[i].is_act;
		facts_set_text(&sample.run.facts, FACT_BAZEL_URL, FACT_STRING, "grpc://b:1");
		free(sample.job.endpoints.bazel.url);
		sample.job.endpoints.bazel.url = mem_strdup(rows[i].url);
		compose(&sample);
		expect_variable(&sample, "BAZEL_REMOTE_CACHE", rows[i].value);
		assert_int_equal(findings_find(&sample.run.findings, FINDING_SECRET_LEFT_OUT) !=
					 NULL,
				 strcmp(rows[i].value, "-") == 0);
		sample_release(&sample);
	}
}

static void values_that_would_break_a_file_are_left_out(void **state)
{
	struct sample sample;

	(void)state;
	set_up(&sample);
	free(sample.job.context.temp);
	sample.job.context.temp = mem_strdup("/tmp/a\rb");
	compose(&sample);
	expect_variable(&sample, "SPINUP_BAZELRC_PATH", "-");
	expect_variable(&sample, "ATTIC_CACHE", "main");
	assert_non_null(findings_find(&sample.run.findings, FINDING_ENVIRONMENT_VALUE_REFUSED));
	sample_release(&sample);
}

/* The probe may name one of two sockets, and nothing else. */
static void dockers_clients_get_the_socket_that_works(void **state)
{
	static const struct {
		const char *fact, *variable;
		const char *host, *verify, *tls;
	} rows[] = {
		{NULL, "DOCKER_TLS_VERIFY=1", "-", "-", "-"},
		{"unix:///var/run/docker.sock", NULL, "unix:///var/run/docker.sock", "-", "-"},
		{"unix:///run/docker.sock", "DOCKER_TLS_VERIFY=1", "unix:///run/docker.sock", "",
		 "-"},
		{"unix:///run/docker.sock", "DOCKER_TLS=1", "unix:///run/docker.sock", "-", ""},
		{"unix:///run/docker.sock", "DOCKER_TLS=", "unix:///run/docker.sock", "-", "-"},
		{"tcp://stranger:2375", NULL, "-", "-", "-"},
		{"unix:///tmp/docker.sock", NULL, "-", "-", "-"},
		{"unix:///run/docker.sock\n", NULL, "-", "-", "-"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct sample sample;
		bool is_refused = rows[i].fact && strcmp(rows[i].host, "-") == 0;

		set_up(&sample);
		if (rows[i].variable)
			sample_set(&sample, rows[i].variable);
		if (rows[i].fact)
			facts_set_text(&sample.run.facts, FACT_DOCKER_WORKING_HOST, FACT_STRING,
				       rows[i].fact);
		compose(&sample);
		expect_variable(&sample, "DOCKER_HOST", rows[i].host);
		expect_variable(&sample, "DOCKER_TLS_VERIFY", rows[i].verify);
		expect_variable(&sample, "DOCKER_TLS", rows[i].tls);
		assert_int_equal(findings_find(&sample.run.findings,
					       FINDING_ENVIRONMENT_VALUE_REFUSED) != NULL,
				 is_refused);
		sample_release(&sample);
	}
}

/* What is exported comes back as the environment of the next step's spinup. */
static void nothing_exported_is_an_option(void **state)
{
	struct sample sample;
	const char *name;
	size_t options = 0;

	(void)state;
	set_up(&sample);
	compose(&sample);
	assert_non_null(environment_find(&sample.environment, "SPINUP_BAZELRC_PATH"));
	for (; (name = options_variable(options)); options++)
		assert_null(environment_find(&sample.environment, name));
	assert_true(options > 10);
	sample_release(&sample);
}

/* `env` writes files only where it is told to. */
static void a_name_goes_where_its_file_goes(void **state)
{
	static const struct {
		unsigned int command;
		const char *directory, *expected;
	} rows[] = {
		{COMMAND_RUN, NULL, "/runner/_work/_temp/spinup/bazelrc"},
		{COMMAND_ENV, NULL, "-"},
		{COMMAND_ENV, "/here", "/here/bazelrc"},
		{COMMAND_ENV, "/", "/bazelrc"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct sample sample;

		set_up(&sample);
		sample.options.command = rows[i].command;
		sample.options.write_files = rows[i].directory;
		compose(&sample);
		expect_variable(&sample, "SPINUP_BAZELRC_PATH", rows[i].expected);
		sample_release(&sample);
	}
}

static void a_flood_of_secrets_is_left_out(void **state)
{
	static const struct {
		unsigned int count;
		const char *expected;
	} rows[] = {
		{VARIABLE_MAX_SECRETS, "x"},
		{VARIABLE_MAX_SECRETS + 1, "-"},
		{100000, "-"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct environment environment = {0};
		struct sample sample;
		char secret[32];

		set_up(&sample);
		environment_set(&environment, "A", "x", "y");
		for (unsigned int n = 0; n < rows[i].count; n++) {
			(void)snprintf(secret, sizeof(secret), "secret-%u", n);
			environment_add_secret(&environment, "A", secret);
			environment_add_secret(&environment, "A", secret); /* the same is no more */
		}
		environment_check(&environment, &sample.job, &sample.run.findings);
		sample.environment = environment;
		expect_variable(&sample, "A", rows[i].expected);
		sample_release(&sample);
	}
}

static void the_last_word_counts(void **state)
{
	struct environment environment = {0};
	char *shown;

	(void)state;
	environment_set(&environment, "A", "one-secret two-secret", "x");
	environment_add_secret(&environment, "A", "one-secret");
	environment_add_secret(&environment, "A", "two-secret");
	environment_add_secret(&environment, "ABSENT", "x");
	shown = variable_display(environment_find(&environment, "A"));
	assert_string_equal(shown, "*** ***");
	free(shown);
	environment_set(&environment, "B", "2", "x");
	environment_set(&environment, "A", "1", "y");
	assert_int_equal(environment.count, 2);
	assert_string_equal(environment_find(&environment, "A")->value, "1");
	assert_null(environment_find(&environment, "A")->secrets);
	environment_drop(&environment, "A");
	environment_drop(&environment, "ABSENT");
	assert_int_equal(environment.count, 1);
	assert_null(environment_find(&environment, "A"));
	assert_string_equal(environment_find(&environment, "B")->value, "2");
	environment_add_path(&environment, "/a");
	environment_add_path(&environment, "/b");
	environment_add_path(&environment, "/a");
	assert_string_equal(environment.path_entries[1], "/b");
	assert_null(environment.path_entries[2]);
	environment_release(&environment);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(attic_by_what_became_of_it),
		cmocka_unit_test(a_way_past_the_proxy_is_kept),
		cmocka_unit_test(a_refused_executor_is_emptied),
		cmocka_unit_test(a_probe_cannot_slip_a_value_in),
		cmocka_unit_test(names_of_our_own),
		cmocka_unit_test(secrets_need_a_runner_that_hides_them),
		cmocka_unit_test(values_that_would_break_a_file_are_left_out),
		cmocka_unit_test(dockers_clients_get_the_socket_that_works),
		cmocka_unit_test(nothing_exported_is_an_option),
		cmocka_unit_test(a_name_goes_where_its_file_goes),
		cmocka_unit_test(a_flood_of_secrets_is_left_out),
		cmocka_unit_test(the_last_word_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
