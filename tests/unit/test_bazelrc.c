/* SPDX-License-Identifier: Zlib */
/* Bazel's flags by what the cache can do, who may upload, and which Bazel is there. */
#include <stdlib.h>
#include <string.h>

#include "agent/bazelrc.h"
#include "agent/fact_names.h"
#include "agent/mem.h"
#include "tests/unit/check.h"
#include "tests/unit/sample.h"

#define GRPC "grpc://bazel-cache.nix-cache.svc.cluster.local:9092"

struct row {
	const char *name;
	const char *url;         /* of the endpoint, with credentials; NULL: the sample's */
	const char *proven;      /* the fact's URL; NULL: the sample's */
	const char *version;     /* of Bazel */
	const char *compressors; /* NULL: the sample's */
	int updates;             /* -1: not known */
	bool is_upload_wanted;
	bool is_fork;
	const char *flags; /* after the header's two lines */
};

#define TIMES "build --remote_timeout=10\nbuild --remote_retries=1\n"
#define READ_ONLY TIMES "build --remote_upload_local_results=false\n"

static const struct row rows[] = {
	{"unknown version", NULL, NULL, NULL, NULL, 1, false, false,
	 "build --remote_cache=" GRPC "\n" READ_ONLY},
	{"uploads", NULL, NULL, NULL, NULL, 1, true, false,
	 "build --remote_cache=" GRPC "\n" TIMES "build --remote_upload_local_results=true\n"},
	{"fork", NULL, NULL, NULL, NULL, 1, true, true,
	 "build --remote_cache=" GRPC "\n" READ_ONLY},
	{"no updates", NULL, NULL, NULL, NULL, 0, true, false,
	 "build --remote_cache=" GRPC "\n" READ_ONLY},
	{"6.5.0", NULL, NULL, "6.5.0", NULL, 1, false, false,
	 "build --remote_cache=" GRPC "\n" READ_ONLY "build --remote_local_fallback\n"},
	{"7.4.1", NULL, NULL, "7.4.1", NULL, 1, false, false,
	 "build --remote_cache=" GRPC "\n" READ_ONLY "build --remote_cache_compression\n"
	 "build --remote_local_fallback\n"},
	{"7.4.1 without zstd", NULL, NULL, "7.4.1", "identity", 1, false, false,
	 "build --remote_cache=" GRPC "\n" READ_ONLY "build --remote_local_fallback\n"},
	{"8.5.0", NULL, NULL, "8.5.0", NULL, 1, false, false,
	 "build --remote_cache=" GRPC "\n" READ_ONLY "build --remote_cache_compression\n"
	 "build --remote_local_fallback\n"},
	{"8.6.0", NULL, NULL, "8.6.0", NULL, 1, false, false,
	 "build --remote_cache=" GRPC "\n" READ_ONLY "build --remote_cache_compression\n"
	 "build --remote_local_fallback\n"
	 "build --incompatible_remote_local_fallback_for_remote_cache\n"},
	{"a pre-release", NULL, NULL, "9.0.0-pre.20250101.1", NULL, 1, false, false,
	 "build --remote_cache=" GRPC "\n" READ_ONLY},
	{"not a version", NULL, NULL, "latest", NULL, 1, false, false,
	 "build --remote_cache=" GRPC "\n" READ_ONLY},
	{"gRPC with credentials", "grpc://me:p%40ss-secret@bazel.example:9092",
	 "grpc://bazel.example:9092", NULL, NULL, 1, false, false,
	 "build --remote_cache=grpc://bazel.example:9092\n"
	 "build --remote_cache_header='Authorization=Basic bWU6cEBzcy1zZWNyZXQ='\n" READ_ONLY},
	{"HTTP with credentials", "http://me:pass-secret@bazel.example:8080",
	 "http://bazel.example:8080", "8.6.0", NULL, -1, true, false,
	 "build --remote_cache=http://me:pass-secret@bazel.example:8080\n" TIMES
	 "build --remote_upload_local_results=true\n"},
};

static void set_up(struct sample *sample, const struct row *row)
{
	struct facts *facts = &sample->run.facts;

	sample_make(sample);
	environment_release(&sample->environment);
	findings_release(&sample->run.findings);
	if (row->url) {
		free(sample->job.endpoints.bazel.url);
		sample->job.endpoints.bazel.url = mem_strdup(row->url);
	}
	if (row->proven)
		facts_set_text(facts, FACT_BAZEL_URL, FACT_STRING, row->proven);
	if (row->version)
		facts_set_text(facts, FACT_BAZEL_VERSION, FACT_STRING, row->version);
	if (row->compressors)
		facts_set_text(facts, FACT_BAZEL_COMPRESSORS, FACT_LIST, row->compressors);
	if (row->updates >= 0)
		facts_set_number(facts, FACT_BAZEL_UPDATES, FACT_BOOLEAN, row->updates);
	else
		facts_forget(facts, FACT_BAZEL_UPDATES);
	sample->options.is_bazel_upload_wanted = row->is_upload_wanted;
	sample->job.context.is_fork_pull_request = row->is_fork;
}

static const char *flags_of(const struct environment *environment)
{
	const char *text;

	assert_int_equal(environment->file_count, 1);
	assert_string_equal(environment->files[0].name, "bazelrc");
	text = strchr(environment->files[0].content, '\n') + 1;
	return strchr(text, '\n') + 1;
}

static void flags_follow_what_was_proven(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct environment environment = {0};
		struct sample sample;
		bool is_upload_lost;

		set_up(&sample, &rows[i]);
		bazelrc_compose(&environment, &sample.job, &sample.run, &sample.run.findings);
		if (strcmp(flags_of(&environment), rows[i].flags) != 0)
			fail_msg("%s:\n%s", rows[i].name, flags_of(&environment));
		assert_non_null(environment_find(&environment, "SPINUP_BAZELRC_PATH")->file);
		is_upload_lost = rows[i].is_upload_wanted && (rows[i].is_fork || !rows[i].updates);
		assert_int_equal(sample.run.findings.count, is_upload_lost);
		environment_release(&environment);
		sample_release(&sample);
	}
}

static void credentials_are_declared_secret(void **state)
{
	struct environment environment = {0};
	const struct variable *variable;
	struct sample sample;
	char *shown;

	(void)state;
	set_up(&sample, &rows[11]);
	bazelrc_compose(&environment, &sample.job, &sample.run, &sample.run.findings);
	variable = environment_find(&environment, "BAZEL_REMOTE_CACHE");
	assert_string_equal(variable->value, "grpc://me:p%40ss-secret@bazel.example:9092");
	assert_string_equal(variable->secrets[0], "p%40ss-secret");
	assert_string_equal(variable->secrets[1], "bWU6cEBzcy1zZWNyZXQ=");
	assert_true(environment.files[0].is_secret);
	shown = variable_display(variable);
	assert_string_equal(shown, "grpc://me:***@bazel.example:9092");
	free(shown);
	environment_release(&environment);
	sample_release(&sample);
}

/* The files of a TLS connection, for TLS alone. */
static void certificates_by_variables(void **state)
{
	static const struct {
		const char *url;
		bool has_flags;
	} cases[] = {{"grpcs://bazel.example", true}, {"grpc://bazel.example", false}};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct environment environment = {0};
		struct sample sample;

		set_up(&sample, &rows[0]);
		sample_set(&sample, "BAZEL_TLS_CLIENT_CERTIFICATE=/a b.pem");
		sample_set(&sample, "BAZEL_TLS_CLIENT_KEY=/key\nbuild --evil");
		facts_set_text(&sample.run.facts, FACT_BAZEL_URL, FACT_STRING, cases[i].url);
		bazelrc_compose(&environment, &sample.job, &sample.run, &sample.run.findings);
		assert_int_equal(strstr(flags_of(&environment),
					"build --tls_client_certificate='/a b.pem'\n") != NULL,
				 cases[i].has_flags);
		assert_null(strstr(flags_of(&environment), "evil"));
		environment_release(&environment);
		sample_release(&sample);
	}
}

static void a_dead_cache_is_switched_off(void **state)
{
	struct environment environment = {0};
	struct sample sample;

	(void)state;
	set_up(&sample, &rows[0]);
	facts_set_number(&sample.run.facts, FACT_BAZEL_USABLE, FACT_BOOLEAN, 0);
	bazelrc_compose(&environment, &sample.job, &sample.run, &sample.run.findings);
	assert_string_equal(environment_find(&environment, "BAZEL_REMOTE_CACHE")->value, "");
	assert_string_equal(flags_of(&environment),
			    "# The cache did not pass its proof: builds go on without it.\n"
			    "build --remote_cache=\n");
	environment_release(&environment);
	sample_release(&sample);
}

static void a_probe_cannot_slip_a_value_in(void **state)
{
	static const char *const urls[] = {"grpc://x y", "grpc://x'\nbuild --evil", "x",
					   "grpc://user:pw@x", ""};

	(void)state;
	for (size_t i = 0; i < COUNT(urls); i++) {
		struct environment environment = {0};
		struct sample sample;

		set_up(&sample, &rows[0]);
		facts_set_text(&sample.run.facts, FACT_BAZEL_URL, FACT_STRING, urls[i]);
		bazelrc_compose(&environment, &sample.job, &sample.run, &sample.run.findings);
		assert_string_equal(environment_find(&environment, "BAZEL_REMOTE_CACHE")->value,
				    "");
		assert_non_null(
			findings_find(&sample.run.findings, FINDING_ENVIRONMENT_VALUE_REFUSED));
		environment_release(&environment);
		sample_release(&sample);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flags_follow_what_was_proven),
		cmocka_unit_test(credentials_are_declared_secret),
		cmocka_unit_test(certificates_by_variables),
		cmocka_unit_test(a_dead_cache_is_switched_off),
		cmocka_unit_test(a_probe_cannot_slip_a_value_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
